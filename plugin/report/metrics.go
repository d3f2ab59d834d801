package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// PassFacts are what the metrics tell of the last pass.
type PassFacts struct {
	Began       time.Time
	Took        time.Duration
	Success     bool      // it ended without an error and found no failed repair
	Released    int       // repair jobs that it let go
	LastSuccess time.Time // beginning of the last pass that did not fail; zero if there was none
	Version     string    // of the program
	Cluster     string    // its name, a label of all series
	// Findings are what a person should know beside repairs; nil if it was not found out.
	Findings []repair.Finding
	// Rehearsals are what would become of the instances of each node if it died; nil if
	// that was not asked for.
	Rehearsals []repair.Rehearsal
}

// WriteMetrics writes metrics in Prometheus' text format, for its text-file
// collector. All series are there with every pass, zero or not, so that nothing
// is missing to a query; those of instances are left out if plan is nil, as
// after a pass that could not read the cluster, and those of what was not found
// out, which would say else that there is nothing.
func WriteMetrics(w io.Writer, plan *repair.Plan, p PassFacts) error {
	b := bufio.NewWriter(w)
	m := metrics{b, escapeLabel(p.Cluster)}
	m.head("build_info", "Version of the program, as a label; always 1.")
	m.value("build_info", "version", p.Version, 1)
	m.one("last_pass_timestamp_seconds", "Unix time at which the last pass began.", float64(p.Began.Unix()))
	m.one("last_pass_duration_seconds", "How long the last pass took.", p.Took.Seconds())
	m.one("last_pass_success", "1 if the last pass did all it had to do and no repair failed, else 0.", number(p.Success))
	m.one("last_pass_jobs_submitted", "Repair jobs that the last pass submitted and released.", float64(p.Released))
	last := 0.0
	if !p.LastSuccess.IsZero() {
		last = float64(p.LastSuccess.Unix())
	}
	m.one("last_complete_pass_timestamp_seconds", "Unix time at which the last pass began that could read the cluster; 0 if there was none.", last)
	if plan != nil {
		m.plan(plan)
	}
	if plan != nil && p.Findings != nil {
		m.findings(p.Findings)
	}
	if p.Rehearsals != nil {
		m.rehearsals(p.Rehearsals)
	}
	return b.Flush()
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// metrics writes series that all have the cluster as a label, so that a Prometheus of
// many clusters can tell them apart.
type metrics struct {
	w       io.Writer
	cluster string
}

const metricsPrefix = "ganeti_autorepair_"

func (m metrics) head(name, help string) {
	fmt.Fprintf(m.w, "# HELP %s%s %s\n# TYPE %s%s gauge\n", metricsPrefix, name, help, metricsPrefix, name)
}

func (m metrics) one(name, help string, v float64) {
	m.head(name, help)
	fmt.Fprintf(m.w, "%s%s{cluster=\"%s\"} %s\n", metricsPrefix, name, m.cluster, format(v))
}

func (m metrics) value(name, label, of string, v float64) {
	fmt.Fprintf(m.w, "%s%s{cluster=\"%s\",%s=\"%s\"} %s\n", metricsPrefix, name, m.cluster, label, escapeLabel(of), format(v))
}

// labelled writes a value with several labels, given as names and values in turn.
func (m metrics) labelled(name string, v float64, labels ...string) {
	text := fmt.Sprintf("cluster=\"%s\"", m.cluster)
	for k := 0; k+1 < len(labels); k += 2 {
		text += fmt.Sprintf(",%s=\"%s\"", labels[k], escapeLabel(labels[k+1]))
	}
	fmt.Fprintf(m.w, "%s%s{%s} %s\n", metricsPrefix, name, text, format(v))
}

func escapeLabel(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text)
}

func format(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
}

// findings writes how many findings there are of each sort (A1).
func (m metrics) findings(list []repair.Finding) {
	counts := make(map[repair.FindingWord]int)
	for _, f := range list {
		counts[f.Word]++
	}
	m.head("findings", "What a person should know of the cluster beside repairs, by sort.")
	for _, word := range repair.FindingWords {
		m.value("findings", "finding", string(word), float64(counts[word]))
	}
}

// nodes writes how many nodes there are in each state, and of those that are not ok the
// state and the instances that are left (N4).
func (m metrics) nodes(list []repair.NodeStatus) {
	counts := make(map[repair.NodeState]int)
	var bad, leaving []repair.NodeStatus
	for _, n := range list {
		counts[n.State]++
		if n.State != repair.NodeUsual {
			bad = append(bad, n)
		}
		if n.Node.Condition() != repair.NodeOK {
			leaving = append(leaving, n)
		}
	}
	m.head("nodes", "Nodes by state.")
	for _, s := range repair.NodeStates {
		m.value("nodes", "state", string(s), float64(counts[s]))
	}
	m.head("node_state", "Nodes that are not ok, with their state as a label; always 1.")
	for _, n := range bad {
		m.labelled("node_state", 1, "node", n.Node.Name, "state", string(n.State))
	}
	m.head("node_instances_left", "Instances that a drained or offline node still has: pending ones leave it by themselves, blocked ones do not.")
	for _, n := range leaving {
		m.labelled("node_instances_left", float64(n.Pending()), "node", n.Node.Name, "repair", "pending")
		m.labelled("node_instances_left", float64(len(n.Left)-n.Pending()), "node", n.Node.Name, "repair", "blocked")
	}
}

// silence writes since when nodes do not answer, and whether the master may be cut off (K2).
func (m metrics) silence(s *repair.Snapshot) {
	m.head("node_silent_since_timestamp_seconds", "Unix time since which a node that is not offline has not answered.")
	for _, n := range s.SilentNodes() {
		m.labelled("node_silent_since_timestamp_seconds", float64(n.SilentSince), "node", n.Name)
	}
	counts := make(map[repair.MarkReason]int)
	for _, n := range s.SilentNodes() {
		counts[n.NotMarked]++
	}
	m.head("silent_nodes_not_marked", "Nodes that do not answer and that the last pass did not mark offline, by reason.")
	for _, reason := range repair.MarkReasons {
		m.value("silent_nodes_not_marked", "reason", string(reason), float64(counts[reason]))
	}
	_, _, cutOff := s.CutOff()
	m.one("cut_off", "1 if more than half of the other nodes that are not offline do not answer, so that the master may be cut off, else 0.", number(cutOff))
}

func (m metrics) plan(plan *repair.Plan) {
	states, reasons := make(map[repair.State]int), make(map[repair.Reason]int)
	pending, results := make(map[tagstore.Type]int), make(map[tagstore.Outcome]int)
	oldest, unreadable := int64(0), len(BadTags(plan))
	for _, d := range plan.Decisions {
		states[d.State]++
		reasons[d.Reason]++
		unreadable += len(d.Instance.Tags.Malformed)
		records := d.Instance.Tags.Records()
		for _, r := range records.Repairs {
			pending[r.Type]++
			if oldest == 0 || r.Time < oldest {
				oldest = r.Time
			}
		}
		for _, r := range records.Results {
			results[r.Outcome]++
		}
	}
	m.head("instances", "Instances by state.")
	for _, s := range repair.States {
		m.value("instances", "state", string(s), float64(states[s]))
	}
	m.head("instances_by_reason", "Instances by the reason for their state.")
	for _, info := range repair.ReasonTable() {
		m.value("instances_by_reason", "reason", string(info.Reason), float64(reasons[info.Reason]))
	}
	m.head("blocked_instances", "Instances in need of repair that a valve blocks, by its setting.")
	for _, info := range repair.ReasonTable() {
		if info.Valve != "" {
			m.value("blocked_instances", "valve", info.Valve, float64(reasons[info.Reason]))
		}
	}
	m.head("pending_repairs", "Pending repairs when the pass began, by type.")
	for t := tagstore.FixStorage; t <= tagstore.Reinstall; t++ {
		m.value("pending_repairs", "type", t.String(), float64(pending[t]))
	}
	m.one("oldest_pending_timestamp_seconds", "Unix time at which the oldest pending repair began; 0 if there is none.", float64(oldest))
	m.head("result_tags", "Result tags on instances when the pass began, by result.")
	for _, o := range []tagstore.Outcome{tagstore.Success, tagstore.Failure, tagstore.Enoperm} {
		m.value("result_tags", "result", string(o), float64(results[o]))
	}
	m.one("unreadable_tags", "Tags of auto-repair that cannot be read.", float64(unreadable))
	m.nodes(repair.NodeStatusesOf(plan))
	m.silence(plan.Snapshot)
}
