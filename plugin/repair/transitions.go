package repair

// Transition is a step from one state to another.
type Transition struct {
	From, To State
	ByPass   bool   // a pass takes it; else people do, or the cluster
	When     string // in words
	Demand   string
}

// Transitions are all the steps between states that there are (the design's
// "Possible states, and transitions"). The first state is the one that an
// instance is found in, the second the one that a pass leaves it in, or in which
// the next one finds it. Scenarios and simulation take no other.
var Transitions = []Transition{
	{StateNeedsRepair, StatePending, true, "permitted: pending tag written", "S4"},
	{StatePending, StateHealthy, true, "healthy: result success", "S1"},
	{StatePending, StateFailed, true, "not to be tried again: result failure", "S7"},
	{StatePending, StateNeedsRepair, true, "type too weak: result enoperm", "S9"},
	{StateNeedsRepair, StateSuspended, true, "suspended while its tag was written", "P12"},
	{StateNeedsRepair, StateHealthy, true, "its nodes came back while its tag was written", "P12"},
	{StatePending, StateSuspended, true, "suspended while its tag was written", "P12"},

	{StateHealthy, StateNeedsRepair, false, "a node is marked offline or drained", "S3"},
	{StateHealthy, StatePending, false, "asked for by hand", "T5"},
	{StateHealthy, StateSuspended, false, "suspended", "S2"},
	{StateHealthy, StateFailed, false, "a failure result is set", "S11"},
	{StateNeedsRepair, StateHealthy, false, "repaired by hand", "S1"},
	{StateNeedsRepair, StatePending, false, "asked for by hand", "T5"},
	{StateNeedsRepair, StateSuspended, false, "suspended", "S2"},
	{StateNeedsRepair, StateFailed, false, "a failure result is set", "S11"},
	{StatePending, StateHealthy, false, "its tag was removed", "T5"},
	{StatePending, StateNeedsRepair, false, "its tag was removed", "T5"},
	{StatePending, StateSuspended, false, "suspended", "S2"},
	{StatePending, StateFailed, false, "a failure result is set", "S11"},
	{StateSuspended, StateHealthy, false, "the suspension ends", "T4"},
	{StateSuspended, StateNeedsRepair, false, "the suspension ends", "T4"},
	{StateSuspended, StatePending, false, "the suspension ends", "T4"},
	{StateSuspended, StateFailed, false, "the suspension ends", "T4"},
	{StateFailed, StateHealthy, false, "a person removes the result", "S11"},
	{StateFailed, StateNeedsRepair, false, "a person removes the result", "S11"},
	{StateFailed, StatePending, false, "a person removes the result", "S11"},
	{StateFailed, StateSuspended, false, "suspended", "S2"},
}
