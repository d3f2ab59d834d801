package main

// guard is a line of the engine that keeps something from happening.
type guard struct {
	name, demand string
	file         string // in plugin
	line         string // what stands there
	without      string // what stands there without the guard
	all          bool   // wherever it stands
}

var guards = []guard{
	{name: "permission", demand: "S3", file: "decide.go",
		line: "case !d.Policy.Type.Permits(need.Type):", without: "case false:"},
	{name: "any permission", demand: "S3", file: "decide.go",
		line: "case d.Policy.Type == tagstore.None:", without: "case false:"},
	{name: "type of the repair", demand: "S9", file: "decide.go",
		line: "!r.Type.Permits(next) {", without: "false && !r.Type.Permits(next) {"},
	{name: "suspension", demand: "S2", file: "decide.go",
		line: "case x.d.Policy.Suspended && ", without: "case false && "},
	{name: "unreadable tags", demand: "T10", file: "decide.go",
		line: "case len(x.records.Unclear) > 0:", without: "case false && len(x.records.Unclear) > 0:"},
	{name: "failed state", demand: "S11", file: "decide.go",
		line: "case len(x.records.Failures) > 0:\n\t\tx.finished()", without: "case false:\n\t\tx.finished()"},
	{name: "unfinished jobs", demand: "S5", file: "decide.go",
		line: "if f.Outcome == OutcomeUnfinished {", without: "if false && f.Outcome == OutcomeUnfinished {"},
	{name: "jobs of others", demand: "C2", file: "decide.go",
		line: "x.s.busyJob(x.i, nil); busy {", without: "x.s.busyJob(x.i, nil); false && busy {"},
	{name: "attempts", demand: "S7", file: "decide.go",
		line: "if tries >= x.set.MaxAttempts && tries > 0 {", without: "if false {"},
	{name: "half a copy", demand: "S7", file: "decide.go",
		line: "f != nil && x.nextStep() == StepFailover {", without: "false && f != nil {"},
	{name: "half a copy, others", demand: "S7", file: "ended.go",
		line: "\tif f == nil {\n\t\treturn false\n", without: "\tif true {\n\t\treturn false\n"},
	{name: "chain not again", demand: "S7", file: "ended.go",
		line: "case last.beganChain():", without: "case false:"},
	{name: "moved, then failed", demand: "S6", file: "ended.go",
		line: "if why := x.disagrees(); why != \"\" {", without: "if why := x.disagrees(); false && why != \"\" {"},
	{name: "the last copy", demand: "P9", file: "diagnose.go",
		line: "case sec == nodeOffline:\n\t\t\treturn chain(i, \"P5\")", without: "case true:\n\t\t\treturn chain(i, \"P5\")"},
	{name: "target", demand: "P11", file: "diagnose.go",
		line: "case !secondary.VMCapable:", without: "case false:"},
	{name: "room", demand: "S8", file: "decide.go",
		line: "probe = x.nextStep() == last.Step", without: "probe = false"},
	{name: "promised room", demand: "P10", file: "placement.go",
		line: "\t\tp.keep(pr)\n", without: "\t\t_ = pr\n"},
	{name: "max_running", demand: "V1", file: "trail.go",
		line: "if m.Kind == markRepair && limit > 0 {", without: "if false {"},
	{name: "max_unhealthy_nodes", demand: "V2", file: "guard.go",
		line: "held := crowded[groupOf(s, d.Instance)]; held {", without: "held := crowded[groupOf(s, d.Instance)]; false && held {"},
	{name: "max_new_per_pass", demand: "V3", file: "guard.go",
		line: "if set.MaxNew > 0 && begun >= set.MaxNew {", without: "if false {"},
	{name: "fence", demand: "V5", file: "fence.go",
		line: "st.Decision.Start.Step, failed); why != \"\" {", without: "st.Decision.Start.Step, failed); false && why != \"\" {"},
	{name: "fresh read", demand: "P12", file: "confirm.go",
		line: "\t\tif why != \"\" {\n", without: "\t\tif false && why != \"\" {\n"},
	{name: "held submission", demand: "C1", file: "held.go",
		line: "ops[0].Header().Depends = []luxi.Depend{{Job: -1, On: []luxi.JobStatus{luxi.JobCanceled}}}", without: "_ = ops"},
	{name: "UUID check", demand: "P11", file: "opcodes.go",
		line: ", InstanceUUID: i.UUID", without: "", all: true},
	{name: "no nodes", demand: "C5", file: "reader.go",
		line: "case len(s.Nodes) == 0:", without: "case false:"},
	{name: "no instances", demand: "C5", file: "reader.go",
		line: "if count > 0 {", without: "if false && count > 0 {"},
	{name: "tag window", demand: "C4", file: "tagwork.go",
		line: "return 5\n", without: "return 1000\n"},
	{name: "leftovers", demand: "C2", file: "leftovers.go",
		line: "case markTags, markProbe:", without: "case \"nothing\":"},
}
