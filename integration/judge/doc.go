// Package judge says what is wrong with a run of auto-repair.
//
// It looks at nothing but what a master shows: the configuration at the moments
// that matter, the jobs of the queue, and the changes of tags. It is pure, and
// shares no code with the program that it judges: the language of tags, the reason
// trail and the table of repairs are stated here once more.
//
// A History holds all of that; Judge returns the Findings. Each names the demand
// that was broken. Owed lists what a program that had nothing in its way would
// have done by now.
//
// A repair job is judged when it is released, and again when its first opcode
// begins: then the instance must still need it, the tag that names the job must
// still permit it, its target must still be fit, and it must not destroy data that
// an online node holds. What changed after the release is the program's fault only
// if a whole pass has seen it and left the job in the queue.
package judge
