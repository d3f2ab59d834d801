// Package plugin is the repair engine: it reads a snapshot of the cluster,
// decides for each instance what is to be done, and does it.
//
//	queries -> Snapshot -> Diagnose -> Decide -> Valves -> Plan -> Pass (act) -> Report
//
// Package repair makes the plan: a pure function of the snapshot, the settings and
// the time. Package read asks luxid. Only Pass changes anything, always in the same
// order: repair jobs are submitted held, the tags that name them are
// written, a fresh look confirms the need, and only then are the jobs released
// (C1, P12).
package plugin
