export interface MaintenanceReport {
    readonly created: number;
    readonly dropped: number;
    readonly deleted: number;
}
