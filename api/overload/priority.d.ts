export type PriorityBand = "critical" | "high" | "normal" | "low";
export type Priority = PriorityBand | {
    readonly band: PriorityBand;
    readonly user: string;
};
