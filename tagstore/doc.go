// Package tagstore is the tag language of Ganeti's instance auto-repair: it
// reads and formats the tags, resolves which policy holds for an instance and
// where it comes from, sorts an instance's repair records, and is the only
// writer of such tags.
//
// Every tag begins with "ganeti:watcher:autorepair:". Behind the prefix:
//
//	tag      = type                                        enable   (T1)
//	         | "suspend" [ ":" [ seconds ] ]               suspend  (T3)
//	         | "pending:" type ":" id ":" seconds ":" jobs          (T5)
//	         | "result:" type ":" id ":" seconds ":" outcome ":" jobs (T7)
//	type     = "fix-storage" | "migrate" | "failover" | "reinstall"
//	outcome  = "success" | "failure" | "enoperm"
//	id       = one or more characters of a tag, none of them a colon
//	seconds  = Unix time in whole seconds
//	jobs     = [ job { "+" job } ]
//
// Enable and suspend tags mean something on instances, node groups and the
// cluster; pending and result tags on instances only. A tag below the prefix
// that does not read as one of these is kept as Malformed: it is never
// deleted, never stops a pass, and always counts for the side of caution
// (T10).
//
// The grammar is that of the design document "Instance auto-repair"; that of
// Ganeti's own harep (src/Ganeti/HTools/Tags/Constants.hs) agrees with it, so
// the two programs read each other's tags (T11).
package tagstore
