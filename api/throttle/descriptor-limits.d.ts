export interface DescriptorUsage {
    readonly softLimit: number;
    readonly open: number;
}
