package repair

import (
	"sort"
	"time"
)

// NodeAnswer is what came of asking a node whether it answers.
type NodeAnswer int

// The answers. Nothing follows from the first one, which is also that of nodes which were
// not asked.
const (
	AnswerUnknown NodeAnswer = iota // the question itself failed, or was answered in no known way
	AnswerGiven                     // the node has told its bootid
	AnswerMissing                   // luxid could not have it from the node
	AnswerLate                      // the node neither told it nor failed in the time it had
)

// SilentNodes are the nodes that are not offline and do not answer, by UUID, as passes have
// found them (K2). They are remembered from pass to pass; where they are lost, nodes are
// silent since the next look.
type SilentNodes struct {
	Nodes map[string]SilentNode `json:"nodes,omitempty"`
	// Answered is when nodes, by UUID, were last found to answer after they had been silent,
	// Unix time in seconds. A node tag that says since when one is silent may be older than
	// that, as a job of somebody's has kept it from being removed.
	Answered map[string]int64 `json:"answered,omitempty"`
	// CutOff says that at the last look more than half of the other nodes were silent, and
	// that this was told.
	CutOff bool `json:"cut_off,omitempty"`
}

// SilentNode is a node that does not answer.
type SilentNode struct {
	Name  string `json:"name"`
	Since int64  `json:"since"`          // Unix time in seconds of the first look without an answer
	Late  bool   `json:"late,omitempty"` // it was late once, which is not silent yet
	Told  bool   `json:"told,omitempty"` // that it is silent
	// Looks is in how many passes in a row it did not answer, and LookedAt when the last of
	// them was, Unix time in seconds (K5).
	Looks    int   `json:"looks,omitempty"`
	LookedAt int64 `json:"looked_at,omitempty"`
	// Marking says that a pass was to mark it offline, and that nobody knows how far it came.
	Marking bool `json:"marking,omitempty"`
	// NotMarked is why the last pass did not mark it offline, and WhyNotMarked the same in
	// words; empty where nodes are not marked.
	NotMarked    MarkReason `json:"not_marked,omitempty"`
	WhyNotMarked string     `json:"why_not_marked,omitempty"`
}

// SilenceNews is what a look has found that the one before had not.
type SilenceNews struct {
	Silent []string // names of nodes
	CutOff bool     // more than half of the other nodes are silent now
	Back   []string // names of nodes that answer again
	// Marked are the names of nodes that a pass was to mark offline, and that are now.
	Marked []string
}

// answeredLasts is how long it is remembered that a node answered: longer than anybody's
// job has a node.
const answeredLasts = 7 * 24 * time.Hour

// sinceByTag returns since when a node is silent by its tag, and whether it has one that
// tells of this time, and not of one before it answered.
func (s SilentNodes) sinceByTag(n *Node) (int64, bool) {
	mark, tagged := n.Tags.SilentSince()
	return mark.Time, tagged && mark.Time >= s.Answered[n.UUID]
}

// Any reports whether a node is silent, or was late at the last look.
func (s SilentNodes) Any() bool { return len(s.Nodes) > 0 }

// silent reports whether the node of the UUID is silent, and since when.
func (s SilentNodes) silent(uuid string) (since int64, is bool) {
	n, is := s.Nodes[uuid]
	return n.Since, is && !n.Late
}

// DownInstances returns the names of the instances whose primary node did not answer
// ganeti-watcher in its last run, by its instance-status file (K1).
func (o Observed) DownInstances() []string {
	if o.Now.Sub(o.StatusTime) > statusLasts {
		return nil
	}
	var names []string
	for name, status := range o.Status {
		if status == "ERROR_nodedown" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// NodesToAsk returns the names of the nodes that are asked whether they answer: those that
// are not offline and that a hint names, and those that were silent before. Hints are
// instances whose node did not answer the watcher, with their primary nodes, and the nodes
// that the newest GROUP_VERIFY_DISKS could not ask. Without a hint no node is asked (K1).
func (o Observed) NodesToAsk(primaries map[string]string, before SilentNodes) []string {
	hinted := make(map[string]bool) // by name or UUID
	for _, name := range o.DownInstances() {
		hinted[primaries[name]] = true
	}
	for _, v := range o.Verified.Groups {
		if o.Now.Unix()-v.DisksEnded <= int64(verifyDisksEvery.Seconds()) {
			for _, uuid := range v.Unreached {
				hinted[uuid] = true
			}
		}
	}
	for uuid := range before.Nodes {
		hinted[uuid] = true
	}
	var names []string
	for _, n := range o.Roles {
		if !n.Offline && (hinted[n.Name] || hinted[n.UUID]) {
			names = append(names, n.Name)
		}
	}
	sort.Strings(names)
	return names
}

// Silence returns the nodes that are silent after a look, and what is new of that. Only a
// node that answers, is marked offline or is no node of the cluster any more stops being
// silent. One that is late is silent when it is late again at the next look.
func (o Observed) Silence(before SilentNodes, answers map[string]NodeAnswer) (after SilentNodes, news SilenceNews) {
	after.Nodes, after.Answered = make(map[string]SilentNode), make(map[string]int64)
	for _, n := range o.Roles {
		if at, is := before.Answered[n.UUID]; is && o.Now.Unix()-at < int64(answeredLasts/time.Second) {
			after.Answered[n.UUID] = at
		}
		last, was := before.Nodes[n.UUID]
		if n.Offline {
			if last.Marking {
				news.Marked = append(news.Marked, n.Name)
			}
			continue
		}
		now := last
		now.Marking = false
		switch answers[n.Name] {
		case AnswerGiven:
			if was && !last.Late {
				news.Back = append(news.Back, n.Name)
				after.Answered[n.UUID] = o.Now.Unix()
			}
			continue
		case AnswerMissing:
			now.Late = false
		case AnswerLate:
			now.Late = !was
		default:
			if !was {
				continue
			}
		}
		now.Name = n.Name
		now = now.looked(answers[n.Name], o.Now)
		if now.Since == 0 || now.Since > o.Now.Unix() {
			now.Since = o.Now.Unix()
		}
		after.Nodes[n.UUID] = now
	}
	silent, others := after.count(o.Roles)
	after.CutOff = cutOff(silent, others)
	news.CutOff = after.CutOff && !before.CutOff
	for uuid, n := range after.Nodes {
		if !n.Late && !n.Told && !after.CutOff {
			news.Silent = append(news.Silent, n.Name)
			n.Told = true
			after.Nodes[uuid] = n
		}
	}
	NiceSort(news.Silent)
	NiceSort(news.Back)
	return after, news
}

// count counts the nodes that are not offline beside the master, and those of them that are
// silent.
func (s SilentNodes) count(roles []NodeRole) (silent, others int) {
	for _, n := range roles {
		if n.Offline || n.Master {
			continue
		}
		others++
		if _, is := s.silent(n.UUID); is {
			silent++
		}
	}
	return silent, others
}

// cutOff reports whether so many of the other nodes are silent that it may be the master
// itself that cannot reach them.
func cutOff(silent, others int) bool { return 2*silent > others }

// silentCandidates finds the master candidates that are silent: no change of the
// configuration reaches them (A1). Where the master may be cut off, nothing is said of
// single nodes.
func (o Observed) silentCandidates() []Finding {
	if o.Silent.CutOff {
		return nil
	}
	var list []Finding
	for _, n := range o.Roles {
		since, is := o.Silent.silent(n.UUID)
		if !is || !n.Candidate || n.Master || n.Offline {
			continue
		}
		list = append(list, Finding{
			Word: FindingSilentCandidate, Object: "node " + n.Name, Since: since,
			Detail:  "it is a master candidate and does not answer, so that no change of the configuration reaches it; if it is dead, switch it off and mark it offline",
			Command: OfflineCommand(n.Name),
		})
	}
	return list
}

// DrainCommand returns the command that marks a node drained, as OfflineCommand marks it
// offline. The master cannot be drained before another node has its role, which is taken
// over by a command on that node.
func DrainCommand(node, master string) string {
	if node == master {
		return "gnt-cluster master-failover"
	}
	return "gnt-node modify --drained=yes --auto-promote " + node
}

// OfflineCommand returns the command that marks a node offline. A master candidate is only
// let go where another node may take its place (LUNodeSetParams in lib/cmdlib/node.py).
func OfflineCommand(node string) string {
	return "gnt-node modify --offline=yes --auto-promote " + node
}

// WithSilence returns the plan with those of its nodes noted as silent that are. Nothing is
// decided from that.
func (p *Plan) WithSilence(silent SilentNodes) *Plan {
	if !silent.Any() {
		return p
	}
	after, s := *p, *p.Snapshot
	s.Nodes = make(map[string]*Node, len(p.Snapshot.Nodes))
	for name, n := range p.Snapshot.Nodes {
		if since, is := silent.silent(n.UUID); is && !n.Offline {
			noted := *n
			noted.SilentSince = since
			noted.NotMarked, noted.WhyNotMarked = silent.Nodes[n.UUID].NotMarked, silent.Nodes[n.UUID].WhyNotMarked
			n = &noted
		}
		s.Nodes[name] = n
	}
	after.Snapshot = &s
	return &after
}

// SilentNodes returns the nodes that are known to be silent, by name.
func (s *Snapshot) SilentNodes() []*Node {
	var list []*Node
	for _, n := range s.SortedNodes() {
		if n.SilentSince != 0 {
			list = append(list, n)
		}
	}
	return list
}

// CutOff reports whether more than half of the nodes that are not offline are silent, the
// master not counted, and how many of how many: then the master itself may be cut off.
func (s *Snapshot) CutOff() (silent, others int, is bool) {
	for _, n := range s.Nodes {
		if n.Offline || n.Name == s.Cluster.Master {
			continue
		}
		others++
		if n.SilentSince != 0 {
			silent++
		}
	}
	return silent, others, cutOff(silent, others)
}
