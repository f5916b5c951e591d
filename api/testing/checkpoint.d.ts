export declare class Checkpoint {
    #private;
}
export declare function checkpoint(): Checkpoint;
