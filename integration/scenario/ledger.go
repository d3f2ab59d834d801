package scenario

import (
	"regexp"
	"strconv"
	"strings"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/tagstore"
)

// ledger follows the tags of repairs through the master's log, by the id of the
// repair: what became of each that was ever pending.
type ledger struct {
	w       *World
	open    map[string]int      // how many pending tags there are now
	jobs    map[string][]string // that its tags have named
	results map[string]bool     // that there ever were
}

// checkRepairs reports repairs that end without a result (S1, T7), and failures
// without any job that failed (S7). What people remove is theirs; and a repair none
// of whose jobs began may be taken back (P12).
func (w *World) checkRepairs() {
	l := &ledger{w, make(map[string]int), make(map[string][]string), make(map[string]bool)}
	for _, i := range w.first.Instances {
		for _, tag := range i.Tags {
			l.note(tag, 1)
		}
	}
	for _, e := range w.Master.Log() {
		switch m := tagEffect.FindStringSubmatch(e.Text); {
		case e.Kind == luxitest.LogEffect && m != nil && m[2] == "added":
			l.note(m[1], 1)
			l.checkFailure(m[1])
		case e.Kind == luxitest.LogEffect && m != nil:
			l.checkEnd(m[1], l.note(m[1], -1))
		case e.Kind == luxitest.LogTest:
			if m := tagEdit.FindStringSubmatch(e.Text); m != nil {
				for _, tag := range strings.Split(m[2], ",") {
					l.note(tag, map[string]int{"+": 1, "-": -1}[m[1]])
				}
			}
		}
	}
}

var (
	tagEffect = regexp.MustCompile(`^instance \S+: tag (\S+) (added|removed)$`)
	tagEdit   = regexp.MustCompile(`^edit: ([+-]) instance .*\btags=(\S+)`)
)

// note takes down that there is a tag more, or less, and returns the id of the
// repair if it is a pending one's.
func (l *ledger) note(tag string, n int) string {
	body := strings.TrimPrefix(tag, tagstore.Prefix)
	if m := resultTag.FindStringSubmatch(body); m != nil {
		l.results[m[2]] = true
	}
	m := pendingTag.FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	l.open[m[2]] += n
	l.jobs[m[2]] = append(l.jobs[m[2]], strings.FieldsFunc(m[3], plus)...)
	return m[2]
}

func plus(r rune) bool { return r == '+' }

// checkEnd looks at a repair of which a job has removed a pending tag.
func (l *ledger) checkEnd(tag, id string) {
	if id == "" || l.open[id] > 0 || l.results[id] {
		return
	}
	for _, text := range l.jobs[id] {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && !l.w.Master.Job(n).Started() {
			continue
		}
		l.w.wrong("S1: %s was removed, and repair %s, whose job %s began, has no result", tag, id, text)
		return
	}
	if !ownID.MatchString(id) {
		l.w.wrong("S1: %s was removed, and repair %s has no result", tag, id)
	}
}

// checkFailure looks at a result that was written.
func (l *ledger) checkFailure(tag string) {
	m := resultTag.FindStringSubmatch(strings.TrimPrefix(tag, tagstore.Prefix))
	if m == nil || m[3] != "failure" {
		return
	}
	for _, text := range strings.FieldsFunc(m[4], plus) {
		n, err := strconv.ParseInt(text, 10, 64)
		if j := l.w.Master.Job(n); err != nil || j.Purged || j.Status != "success" {
			return // what is not known has no status
		}
	}
	l.w.wrong("S7: %s was written, and none of these jobs failed", tag)
}
