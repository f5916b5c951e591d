export interface InstrumentOptionsLike {
    readonly description: string;
    readonly unit: string;
    readonly advice?: {
        explicitBucketBoundaries?: number[];
    };
}
export interface HistogramLike {
    record(value: number, attributes: Record<string, string>): void;
}
export interface BatchResultLike {
    observe(instrument: never, value: number, attributes: Record<string, string>): void;
}
export interface MeterLike {
    createHistogram(name: string, options: InstrumentOptionsLike): HistogramLike;
    createObservableCounter(name: string, options: InstrumentOptionsLike): object;
    createObservableGauge(name: string, options: InstrumentOptionsLike): object;
    createObservableUpDownCounter(name: string, options: InstrumentOptionsLike): object;
    addBatchObservableCallback(callback: (result: BatchResultLike) => void, instruments: never[]): void;
    removeBatchObservableCallback(callback: (result: BatchResultLike) => void, instruments: never[]): void;
}
