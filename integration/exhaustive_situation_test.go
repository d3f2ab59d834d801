package integration_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// A situation is one row of the table: everything a decision about one instance
// can depend on, in the words of the design. It is rendered in two ways that
// share nothing: as a snapshot for the code under test, and, in the files of the
// oracle, as what the design demands.
type situation struct {
	at          place
	admin       string      // "up", "down", "offline"
	live        string      // the live status; "" if the primary node did not say
	policy      [3][]string // enabling tags of the instance, its group, the cluster
	hush        [3][]string // suspend tags of the same, by the words of hushTags
	records     *recordSet
	busy        string // an unfinished job of somebody else; see busyJobs
	past        string // what earlier jobs left behind; see pasts
	maxAttempts int
	kept        int
}

// place is where an instance lives and of what kind it is.
type place struct {
	template  string
	primary   string // "ok", "drained", "offline", "both" (flags), "unknown" (no such node)
	secondary string // the same, or "" (none), "incapable", "far" (another group)
	gone      int    // of the two other good nodes of its group, those that are not there
	failsOver bool   // be/always_failover
	unread    bool   // the place was not read, as on a cluster whose nodes are all fine
	coming    bool   // a reservation, not an instance yet
}

// The present of all situations, and the names in them.
const (
	nowSeconds = 1700000000
	theName    = "web1"
	theUUID    = "web1-uuid"
	tagPrefix  = "ganeti:watcher:autorepair:"
	freshID    = "fresh"
)

// hushTags are the suspend tags by the words used for them.
var hushTags = map[string]string{
	"expired":    tagPrefix + "suspend:1699999999",
	"just over":  tagPrefix + "suspend:1700000000",
	"long over":  tagPrefix + "suspend:0",
	"future":     tagPrefix + "suspend:1700000001",
	"far future": tagPrefix + "suspend:1900000000",
	"forever":    tagPrefix + "suspend",
	"colon":      tagPrefix + "suspend:",
	"unreadable": tagPrefix + "suspend:tomorrow",
}

// Tags that nobody but their owners may touch, and that mean nothing here.
var foreignTags = []string{"owner:alice", "ganeti:watcher:autorepair", "ganeti:watcher:other:pending:failover:x:1:"}

// inMemory are the situations' nodes, by the conditions of the two that matter.
// Snapshots are never changed, so they are shared.
var inMemory = make(map[place]map[string]*repair.Node)

func nodesFor(at place) map[string]*repair.Node {
	primary, secondary := at.primary, at.secondary
	key := place{primary: primary, secondary: secondary, gone: at.gone}
	if nodes, ok := inMemory[key]; ok {
		return nodes
	}
	nodes := make(map[string]*repair.Node)
	add := func(name, condition, group string) {
		switch condition {
		case "", "unknown":
			return
		}
		nodes[name] = &repair.Node{
			Name: name, UUID: name + "-uuid", Group: group,
			Offline:   condition == "offline" || condition == "both",
			Drained:   condition == "drained" || condition == "both",
			VMCapable: condition != "incapable",
		}
	}
	home := map[bool]string{false: "near-uuid", true: "far-uuid"}
	add("master", "ok", home[at.gone > 0])
	add("spare", "ok", home[at.gone > 1])
	add("lost", "offline", "near-uuid") // a broken node that is none of the instance's
	add("distant", "ok", "far-uuid")
	add("pri", primary, "near-uuid")
	group := "near-uuid"
	if secondary == "far" {
		group = "far-uuid"
	}
	add("sec", secondary, group)
	inMemory[key] = nodes
	return nodes
}

// objectTags are the policy tags of one object.
func (r *situation) objectTags(k int) []string {
	var tags []string
	for _, typ := range r.policy[k] {
		tags = append(tags, tagPrefix+typ)
	}
	for _, word := range r.hush[k] {
		tags = append(tags, hushTags[word])
	}
	return tags
}

// The group that is not the primary node's always permits everything: that must
// never count.
var decoy = &repair.Group{UUID: "far-uuid", Name: "far", Tags: tagstore.Parse(luxi.TagGroup, []string{tagPrefix + "reinstall"})}

// snapshot renders the situation for the code under test.
func (r *situation) snapshot() (*repair.Snapshot, *repair.Instance) {
	i := &repair.Instance{
		Name: theName, UUID: theUUID, PlaceKnown: !r.at.unread, Forthcoming: r.at.coming,
		Template: r.at.template, AdminState: r.admin, Primary: "pri", AlwaysFailover: r.at.failsOver,
	}
	if r.at.secondary != "" {
		i.Secondaries = []string{"sec"}
	}
	if r.live != "" {
		i.Live = &repair.Live{Status: r.live}
	}
	tags := append(r.objectTags(0), r.records.tags...)
	i.Tags = tagstore.Parse(luxi.TagInstance, append(tags, foreignTags...))
	s := &repair.Snapshot{
		Time:    time.Unix(nowSeconds, 0).UTC(),
		Cluster: repair.Cluster{Name: "cluster", UUID: "cluster-uuid", Master: "master", IAllocator: "hail"},
		Groups: map[string]*repair.Group{
			"near-uuid": {UUID: "near-uuid", Name: "near", Tags: tagstore.Parse(luxi.TagGroup, r.objectTags(1))},
			"far-uuid":  decoy,
		},
		Nodes:      nodesFor(r.at),
		Instances:  []*repair.Instance{i},
		Jobs:       r.records.facts,
		Unfinished: r.records.running,
		NewestJob:  newestJob, NewestKnown: true,
		Past: repair.NewPast(pasts[r.past], nil),
	}
	s.Cluster.Tags = tagstore.Parse(luxi.TagCluster, r.objectTags(2))
	if r.busy != "" {
		s.Unfinished = append(append([]luxi.JobInfo(nil), s.Unfinished...), busyJobs[r.busy])
	}
	return s, i
}

func (r *situation) settings() repair.Settings {
	set := repair.DefaultSettings()
	set.MaxAttempts, set.ResultsKept = r.maxAttempts, r.kept
	return set
}

// decide asks the code under test.
func (r *situation) decide() repair.Decision {
	s, i := r.snapshot()
	return r.decideOn(s, i)
}

func (r *situation) decideOn(s *repair.Snapshot, i *repair.Instance) repair.Decision {
	n := 0
	return repair.Decide(s, i, r.settings(), func() string {
		n++
		return freshID + strconv.Itoa(n)
	})
}

// busyJobs are unfinished jobs of somebody else. Those that do not name the
// instance must not matter.
var busyJobs = map[string]luxi.JobInfo{
	"by name":       foreignJob("OP_INSTANCE_MODIFY", "instance_name", theName),
	"by uuid":       foreignJob("OP_INSTANCE_MODIFY", "instance_uuid", theUUID),
	"tags":          foreignJob("OP_TAGS_SET", "name", theName, "kind", "instance"),
	"other":         foreignJob("OP_INSTANCE_MODIFY", "instance_name", "web2", "instance_uuid", "web2-uuid"),
	"tags of group": foreignJob("OP_TAGS_SET", "name", theName, "kind", "nodegroup"),
}

func foreignJob(op string, params ...string) luxi.JobInfo {
	o := luxi.JobOp{ID: op, Status: luxi.JobRunning, Params: map[string]json.RawMessage{}}
	for k := 0; k < len(params); k += 2 {
		o.Params[params[k]] = json.RawMessage(strconv.Quote(params[k+1]))
	}
	return luxi.JobInfo{ID: 9000, Known: true, Status: luxi.JobRunning, Ops: []luxi.JobOp{o}, Summary: []string{op}}
}

func (r *situation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r.at.template)
	if r.at.unread {
		b.WriteString(" place not read")
	}
	if r.at.coming {
		b.WriteString(" forthcoming")
	}
	fmt.Fprintf(&b, " primary=%s", r.at.primary)
	if r.at.secondary != "" {
		fmt.Fprintf(&b, " secondary=%s", r.at.secondary)
	}
	fmt.Fprintf(&b, " admin=%s live=%q", r.admin, r.live)
	for k, object := range []string{"instance", "group", "cluster"} {
		if words := append(append([]string(nil), r.policy[k]...), r.hush[k]...); len(words) > 0 {
			fmt.Fprintf(&b, " %s=%v", object, words)
		}
	}
	if r.at.gone > 0 || r.at.failsOver {
		fmt.Fprintf(&b, " gone=%d always_failover=%v", r.at.gone, r.at.failsOver)
	}
	if r.busy != "" {
		fmt.Fprintf(&b, " busy=%q", r.busy)
	}
	if r.past != "" {
		fmt.Fprintf(&b, " past=%q", r.past)
	}
	fmt.Fprintf(&b, " max=%d kept=%d records: %s", r.maxAttempts, r.kept, r.records)
	return b.String()
}

// show writes a decision on one line.
func show(d repair.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s (%s)", d.State, d.Reason, d.Detail)
	fmt.Fprintf(&b, " need %q %d %v blocked=%q", d.Need.Row, d.Need.Type, d.Need.Steps, d.Need.Blocked)
	fmt.Fprintf(&b, " policy %d suspended=%v from %q", d.Policy.Type, d.Policy.Suspended, d.Policy.Origin)
	for _, st := range d.Settled {
		fmt.Fprintf(&b, " | add result %d %s %s %v at %d (%s)", st.Result.Type, st.Result.ID, st.Result.Outcome, st.Result.Jobs, st.Result.Time, st.Why)
	}
	if st := d.Start; st != nil {
		fmt.Fprintf(&b, " | start %s for %d %s %v at %d new=%v probe=%v tries=%d old=%q",
			st.Step, st.Repair.Type, st.Repair.ID, st.Repair.Jobs, st.Repair.Time, st.New, st.Probe, st.Tries, bare(st.Old))
	}
	for _, t := range d.TakeBack {
		fmt.Fprintf(&b, " | take back %d %s queued=%v (%s)", t.Job, t.Step, t.WhileQueued, t.Why)
	}
	if d.Renewed != nil {
		fmt.Fprintf(&b, " | renew %s %v", d.Renewed.ID, d.Renewed.Jobs)
	}
	if len(d.Remove) > 0 {
		fmt.Fprintf(&b, " | remove %q", bare(d.Remove))
	}
	return b.String()
}

// bare takes the prefix off, which would only fill lines.
func bare(tags []string) []string {
	list := make([]string, len(tags))
	for k, tag := range tags {
		list[k] = strings.TrimPrefix(tag, tagPrefix)
	}
	return list
}
