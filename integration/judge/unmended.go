package judge

// Unmended lists the demands that the program does not meet yet: C7 where a person cancels
// a gate. The tests of the program leave findings under them out of account, unless all
// stories are told.
var Unmended = map[string]bool{"C7": true}
