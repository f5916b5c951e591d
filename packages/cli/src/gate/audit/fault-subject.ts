/** The subject of facts on what a file has that its server would refuse: see the rule audit/malformed-file. */
export const faultSubject = "fault";
