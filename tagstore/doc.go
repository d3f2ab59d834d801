// Package tagstore is the tag language of Ganeti's instance auto-repair: it
// reads and formats the tags, resolves which policy applies to an instance and
// which object it comes from, sorts an instance's repair records, and is the
// only writer of such tags.
//
// Every tag begins with "ganeti:watcher:autorepair:". After the prefix:
//
//	tag      = type                                        enable   (T1)
//	         | "suspend" [ ":" [ seconds ] ]               suspend  (T3), see StopTag
//	         | "pending:" type ":" id ":" seconds ":" jobs          (T5)
//	         | "result:" type ":" id ":" seconds ":" outcome ":" jobs (T7)
//	         | "node-offline"                                       (T12, K5)
//	         | "fenced:" seconds | "silent:" seconds                (T12)
//	type     = "fix-storage" | "migrate" | "failover" | "reinstall"
//	outcome  = "success" | "failure" | "enoperm"
//	id       = one or more characters of a tag, none of them a colon (id.go)
//	seconds  = Unix time in whole seconds
//	jobs     = [ job { "+" job } ]
//
// Each kind of tag belongs on some kinds of objects only:
//
//	type, suspend     instances, node groups, the cluster
//	pending, result   instances
//	node-offline      node groups, the cluster
//	fenced, silent    nodes
//
// A tag below the prefix that does not read as one of these, or stands where it
// does not belong, is kept as Malformed. It is never deleted by a pass and never
// stops one; its Effect is the cautious one (T10). Which words look like a
// misspelt keyword is decided in spelling.go.
//
// The grammar of types, suspensions, pending tags and results is that of the
// design document "Instance auto-repair"; Ganeti's own harep
// (src/Ganeti/HTools/Tags/Constants.hs) has the same, so the two programs read
// each other's tags (T11).
package tagstore
