package scenario

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/integration/record"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// Log is what happened so far, for golden files: repair jobs are j1, j2, ... in
// the order of their submission, other jobs j0, times are minutes since the
// beginning, and tags have no prefix.
func (w *World) Log() string {
	w.mu.Lock()
	text := strings.ReplaceAll(w.out.String(), w.Master.Socket(), "SOCKET")
	w.mu.Unlock()
	number := make(map[int64]int)
	for _, j := range w.Master.Jobs() {
		if kind, _ := MarkOf(j); kind == "repair" {
			number[j.ID] = len(number) + 1
		}
	}
	text = strings.ReplaceAll(text, tagstore.Prefix, "")
	text = idWord.ReplaceAllStringFunc(text, shownID)
	text = jobWord.ReplaceAllStringFunc(text, func(word string) string {
		id, _ := strconv.ParseInt(word, 10, 64)
		return "j" + strconv.Itoa(number[id])
	})
	return timeWord.ReplaceAllStringFunc(text, func(word string) string {
		t, _ := strconv.ParseInt(word, 10, 64)
		return "@" + minutes(time.Unix(t, 0).Sub(Start))
	})
}

var (
	jobWord  = regexp.MustCompile(`\b9\d{3}\b`)
	timeWord = regexp.MustCompile(`\b1[67]\d{8}\b`)
)

// sayEnd adds how everything stands.
func (w *World) sayEnd() {
	w.say("= in the end")
	for _, j := range w.Master.Jobs() {
		if kind, _ := MarkOf(j); kind == "repair" {
			w.say("  job %d: %s", j.ID, describe(j))
		}
	}
	c := w.Master.Snapshot()
	if tags := ours(c.Tags); tags != "" {
		w.say("  cluster: %s", tags)
	}
	for _, g := range c.Groups {
		if tags := ours(g.Tags); tags != "" {
			w.say("  group %s: %s", g.Name, tags)
		}
	}
	for _, n := range c.Nodes {
		if tags := ours(n.Tags); tags != "" {
			w.say("  node %s: %s", n.Name, tags)
		}
	}
	for _, i := range c.Instances {
		runs := "does not run"
		if len(i.RunsOn) > 0 {
			runs = "runs on " + strings.Join(i.RunsOn, " and ")
		}
		data := ""
		if i.Data.Generation > 1 {
			data = ", data lost: " + strings.Join(i.Data.History, ", ")
		}
		w.say("  %s: %s on %s, %s%s", i.Name, i.AdminState, strings.Join(i.Nodes(), "+"), runs, data)
		for _, tag := range i.Tags {
			w.say("    %s", tag)
		}
	}
}

func ours(tags []string) string {
	var list []string
	for _, tag := range tags {
		if strings.HasPrefix(tag, tagstore.Prefix) {
			list = append(list, tag)
		}
	}
	return strings.Join(list, " ")
}

// describe renders a repair job: "FAILOVER(web) success".
func describe(j luxitest.Job) string {
	var ops []string
	for _, op := range j.Ops {
		ops = append(ops, strings.TrimPrefix(op.ID, "OP_INSTANCE_"))
	}
	status := j.Status
	if !j.Started() {
		status += ", never began"
	}
	return fmt.Sprintf("%s(%s) %s", strings.Join(ops, "+"), j.Ops[0].Text("instance_name"), status)
}

// Ends is what came of it in short: "F web, RD! web | web:pending".
func (w *World) Ends() string {
	var jobs, records []string
	for _, node := range w.markedNodes() {
		jobs = append(jobs, "OFFLINE "+node)
	}
	for _, j := range w.Master.Jobs() {
		if kind, _ := MarkOf(j); kind == "repair" && j.Started() {
			jobs = append(jobs, short(j))
		}
	}
	for _, i := range w.Master.Snapshot().Instances {
		parsed := tagstore.Parse(luxi.TagInstance, i.Tags)
		var list []string
		for range parsed.Pendings {
			list = append(list, "pending")
		}
		for _, r := range parsed.Results {
			list = append(list, string(r.Outcome))
		}
		if len(list) > 0 {
			sort.Strings(list)
			records = append(records, i.Name+":"+strings.Join(list, "+"))
		}
	}
	sort.Strings(records)
	return strings.TrimSpace(strings.Join(jobs, ", ") + " | " + strings.Join(records, " "))
}

// short renders a repair job: "F web", "RD! web".
func short(j luxitest.Job) string {
	job := record.Job(j)
	step := job.Step()
	if !j.End.IsZero() && j.Status != "success" {
		step += "!"
	}
	return step + " " + job.Instance()
}

// Outcome is all that may not depend on a crash: which repair jobs began, with
// what result, what the tags say, and how each instance is. Ids, times, job
// numbers and the choice between fit nodes may.
func (w *World) Outcome() string {
	var jobs []string
	for _, j := range w.Master.Jobs() {
		if kind, _ := MarkOf(j); kind == "repair" && j.Started() {
			jobs = append(jobs, describe(j))
		}
	}
	sort.Strings(jobs)
	lines := []string{strings.Join(jobs, ", ")}
	c := w.Master.Snapshot()
	marked := w.markedNodes()
	sort.Strings(marked)
	lines = append(lines, "marked "+strings.Join(marked, " "), "nodes "+nodesNow(c))
	lines = append(lines, "cluster "+ours(c.Tags))
	for _, g := range c.Groups {
		lines = append(lines, g.Name+" "+ours(g.Tags))
	}
	for _, i := range c.Instances {
		good := true
		for _, name := range i.Nodes() {
			if n := c.Node(name); n != nil {
				good = good && !n.Offline && !n.Drained
			}
		}
		lines = append(lines, fmt.Sprintf("%s: %s, runs %v, on good nodes %v, data %d, tags %s", i.Name, i.AdminState, i.Running(), good, i.Data.Generation, w.meaning(i)))
	}
	for _, j := range w.Master.Jobs() {
		if kind, rest := MarkOf(j); kind != "" && j.End.IsZero() {
			lines = append(lines, fmt.Sprintf("job %d (%s %s) never ended", j.ID, kind, rest))
		}
	}
	return strings.Join(lines, "\n")
}

// meaning lists an instance's tags without ids of ours, times and job numbers; of
// the jobs that they name it tells how many began.
func (w *World) meaning(i *luxitest.Instance) string {
	parsed := tagstore.Parse(luxi.TagInstance, i.Tags)
	began := func(jobs []luxi.JobID) int {
		n := 0
		for _, id := range jobs {
			if w.Master.Job(int64(id)).Started() {
				n++
			}
		}
		return n
	}
	var words []string
	for _, p := range parsed.Pendings {
		words = append(words, fmt.Sprintf("%s pending %s with %d jobs", own(p.ID), p.Type, began(p.Jobs)))
	}
	for _, r := range parsed.Results {
		words = append(words, fmt.Sprintf("%s %s %s with %d jobs", own(r.ID), r.Type, r.Outcome, began(r.Jobs)))
	}
	for _, t := range parsed.Malformed {
		words = append(words, t.Tag)
	}
	for _, t := range parsed.Suspends {
		words = append(words, t.Tag)
	}
	for _, t := range parsed.Enables {
		words = append(words, t.Tag)
	}
	sort.Strings(words)
	return strings.Join(words, "; ")
}

// idLetters are the letters of ids of the program's own repairs, without those that look
// like others: of an id with another letter the program cannot tell who gave it.
const idLetters = "abcdefghjkmnpqrstuvwxyz"

// ownID returns the letters of the n-th id of the program's own repairs.
func ownID(n int) string {
	id := []byte("zzaaaaaa")
	for k := len(id) - 1; n > 0; k-- {
		id[k] = idLetters[n%len(idLetters)]
		n /= len(idLetters)
	}
	return string(id)
}

var idWord = regexp.MustCompile(`\b(?:([pr])-)?zz([a-hjkmnp-z]{6})\b`)

// shownID is an own id as logs show it: r1, r2, ...
func shownID(id string) string {
	m := idWord.FindStringSubmatch(id)
	n := 0
	for _, c := range m[2] {
		n = n*len(idLetters) + strings.IndexRune(idLetters, c)
	}
	return "r" + strconv.Itoa(n)
}

func isOwn(id string) bool { return idWord.FindString(id) == id && id != "" }

func own(id string) string {
	if isOwn(id) {
		return "own"
	}
	return id
}

// MarkOf reads our mark from a job's reason trail: the kind and the id of the repair.
func MarkOf(j luxitest.Job) (kind, id string) {
	job := record.Job(j)
	return job.Kind(), job.Repair()
}
