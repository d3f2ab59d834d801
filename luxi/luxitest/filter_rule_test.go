package luxitest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// statuses renders the statuses of the jobs.
func statuses(m *Master) string {
	var list []string
	for _, j := range m.Jobs() {
		list = append(list, j.Status)
	}
	return strings.Join(list, " ")
}

func delay(seconds int, more ...string) string {
	return op("TEST_DELAY", append([]string{fmt.Sprintf(`"duration":%d,"on_master":false`, seconds)}, more...)...)
}

// The first rule that matches and does not say CONTINUE decides about a job (C7).
func TestFilterRules(t *testing.T) {
	delays := []string{`["opcode",["=","OP_ID","OP_TEST_DELAY"]]`}
	for _, c := range []struct {
		name  string
		rules []FilterRule
		want  string // of two delays and a TAGS_SET, after half a second
	}{
		{"none", nil, "running running running"},
		{"accept", []FilterRule{{Action: FilterAccept}}, "running running running"},
		{"pause", []FilterRule{{Action: FilterPause, Predicates: delays}}, "queued queued running"},
		{"pause all", []FilterRule{{Action: FilterPause}}, "queued queued queued"},
		{"reject", []FilterRule{{Action: FilterReject, Predicates: delays}}, "canceled canceled running"},
		{"rate limit", []FilterRule{{Action: FilterRateLimit, Limit: 1, Predicates: delays}}, "running queued running"},
		{"continue", []FilterRule{{Action: FilterContinue}, {Action: FilterPause, Priority: 1}}, "queued queued queued"},
		{"priority", []FilterRule{{Action: FilterReject, Priority: 2}, {Action: FilterAccept, Priority: 1, Predicates: delays}}, "running running canceled"},
		{"age", []FilterRule{{Action: FilterAccept, Predicates: delays}, {Action: FilterPause}}, "running running queued"},
		{"all predicates", []FilterRule{{Action: FilterPause, Predicates: append([]string{`["jobid",[">","id",1]]`}, delays...)}}, "running queued running"},
		{"watermark", []FilterRule{{Action: FilterPause, Predicates: []string{`["jobid",[">","id","watermark"]]`}}}, "queued queued queued"},
		{"reason", []FilterRule{{Action: FilterPause, Predicates: []string{`["reason",["&",["=","source","me"],["=","reason","second"]]]`}}}, "running queued running"},
		{"reason, not a comparison", []FilterRule{{Action: FilterPause, Predicates: []string{`["reason",["=~","reason","second"]]`}}}, "running running running"},
		{"regular expression", []FilterRule{{Action: FilterPause, Predicates: []string{`["opcode",["=~","OP_ID","TAGS"]]`}}}, "running running queued"},
		{"boolean", []FilterRule{{Action: FilterPause, Predicates: []string{`["opcode",["!",["?","on_master"]]]`}}}, "queued queued running"},
		{"a field that is not there", []FilterRule{{Action: FilterPause, Predicates: []string{`["opcode",["!",["=","colour","x"]]]`}}}, "running running running"},
		{"contains", []FilterRule{{Action: FilterPause, Predicates: []string{`["opcode",["=[]","tags","x"]]`}}}, "running running queued"},
		{"number", []FilterRule{{Action: FilterPause, Predicates: []string{`["opcode",[">","duration",60]]`}}}, "running queued running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := begin(t, small)
			for k, r := range c.rules {
				r.UUID = fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", k)
				m.ReplaceFilter(r)
			}
			w := dial(t, m)
			second := strings.Replace(delay(100), `"reason":[]`, `"reason":[["me","second",1]]`, 1)
			w.call("SubmitManyJobs", `[[[`+delay(50)+`],[`+second+`],[`+op("TAGS_SET", `"kind":"cluster","tags":["x"]`)+`]]]`)
			m.Advance(300 * time.Millisecond)
			want(t, "jobs", statuses(m), c.want)
		})
	}
}

// A rule that goes lets its jobs start; one that comes does not touch what was handed over.
func TestFilterRuleComesAndGoes(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit(delay(50))
	m.Advance(time.Second)
	uuid := m.ReplaceFilter(FilterRule{Action: FilterPause})
	w.submit(delay(50))
	m.Advance(time.Second)
	want(t, "paused", statuses(m), "running queued")
	m.ReplaceFilter(FilterRule{UUID: uuid, Action: FilterRateLimit, Limit: 1})
	m.Advance(time.Second)
	want(t, "limited", statuses(m), "running queued")
	if !m.DeleteFilter(uuid) || m.DeleteFilter(uuid) {
		t.Error("the rule is not deleted once")
	}
	m.Advance(time.Second)
	want(t, "free", statuses(m), "running running")
	// What waits for a rejected job is canceled with it, or starts.
	m.ReplaceFilter(FilterRule{Action: FilterReject, Predicates: []string{`["opcode",["=","OP_ID","OP_TEST_DELAY"]]`}})
	w.call("SubmitManyJobs", `[[[`+delay(50)+`],[`+op("TAGS_SET", `"kind":"cluster","tags":["x"],"depends":[[-1,["canceled"]]]`)+`]]]`)
	m.Advance(5 * time.Second)
	want(t, "depends", statuses(m), "running running canceled success")
}

func TestFilterCalls(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	w.submit()
	want(t, "new", w.call("ReplaceFilter", `[null,0,[],"PAUSE",[]]`), `"`+madeUpUUID("filter", 1)+`"`)
	uuid := "12345678-1234-4123-8123-123456789abc"
	want(t, "named", w.call("ReplaceFilter", `["`+uuid+`",5,[["opcode",["&",["!=","OP_ID","x"],["?","y"]]]],["RATE_LIMIT",2],[["me","why",7]]]`), `"`+uuid+`"`)
	want(t, "query", w.rows("filter", `["priority","predicates","action","watermark"]`, `["=","uuid","`+uuid+`"]`),
		`5 [["opcode",["&",["!",["==","OP_ID","x"]],["?","y"]]]] ["RATE_LIMIT",2] 1`)
	want(t, "trail", w.rows("filter", `["reason_trail"]`, `["=","uuid","`+uuid+`"]`), fmt.Sprintf(`[["me","why",7],["luxid","",%d]]`, epoch.UnixNano()))
	want(t, "old query", w.call("QueryFilters", `[["`+uuid+`"],["uuid","priority"]]`), `[["`+uuid+`",5]]`)
	want(t, "unknown", w.call("QueryFilters", `[["x"],["uuid"]]`), `[]`)
	want(t, "delete", w.call("DeleteFilter", `["`+uuid+`"]`), `null`)
	want(t, "delete again", w.call("DeleteFilter", `["`+uuid+`"]`), `!["GenericError",["Filter rule with UUID `+uuid+` does not exist"]]`)
	want(t, "no UUID", w.call("ReplaceFilter", `["x",0,[],"PAUSE",[]]`), `!["GenericError",["Unable to parse UUID"]]`)
	for _, args := range []string{`[null,-1,[],"PAUSE",[]]`, `[null,0,[],"pause",[]]`, `[null,0,[],["RATE_LIMIT",0],[]]`, `[null,0,[["colour",null]],"PAUSE",[]]`} {
		if r := dial(t, m).call("ReplaceFilter", args); !strings.HasPrefix(r, `!"Failed to parse request`) {
			t.Errorf("ReplaceFilter %s: %s", args, r)
		}
	}
}

// A drained queue takes no jobs; those in it run, and can be canceled (P15).
func TestDrainedQueueRunsOn(t *testing.T) {
	m := begin(t, small, func(o *Options) {})
	m.Edit(func(c *Cluster) { c.MaxRunningJobs = 1 })
	w := dial(t, m)
	w.submit(delay(10))
	second, third := w.submit(delay(10)), w.submit(delay(10))
	w.call("SetDrainFlag", "[true]")
	want(t, "submit", w.call("SubmitJob", `[[`+delay(1)+`]]`), `!["GenericError",["Queue drained"]]`)
	want(t, "cancel", w.call("CancelJob", fmt.Sprintf("[%d,false]", third)), `[true,"Dequeued job 3"]`)
	m.RunUntilQuiet()
	want(t, "jobs", statuses(m), "success success canceled")
	if m.Job(second).Start.Sub(m.Job(1).End) < 0 {
		t.Error("the second job did not wait for its slot")
	}
}

// A job takes part in every limit that its reason trail names (P20).
func TestSeveralRateLimits(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	limited := func(labels ...string) string {
		var trail []string
		for _, l := range labels {
			trail = append(trail, `["me","`+l+`",1]`)
		}
		return strings.Replace(delay(10), `"reason":[]`, `"reason":[`+strings.Join(trail, ",")+`]`, 1)
	}
	jobs := []string{
		limited("rate-limit:3:all", "rate-limit:1:copy"), limited("rate-limit:3:all", "rate-limit:1:copy"), limited("rate-limit:3:all"),
		limited("rate-limit:3:all"), limited("rate-limit:3:all"), limited("rate-limit:2:all"),
	}
	w.call("SubmitManyJobs", `[[[`+strings.Join(jobs, `],[`)+`]]]`)
	m.Advance(time.Second)
	want(t, "at once", statuses(m), "running queued running running queued running")
	m.Advance(10 * time.Second)
	want(t, "then", statuses(m), "success running success success running success")
}

// The opcodes of a job have statuses of their own, also in the archive.
func TestOpcodeStatuses(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	id := w.submit(delay(10), delay(10), delay(10))
	opstatus := func() string { return w.rows("job", `["status","opstatus"]`, fmt.Sprintf(`["=","id",%d]`, id)) }
	want(t, "queued", opstatus(), `"queued" ["queued","queued","queued"]`)
	m.Advance(15 * time.Second)
	want(t, "in the second", opstatus(), `"running" ["success","running","queued"]`)
	want(t, "cancel", w.call("CancelJob", fmt.Sprintf("[%d,false]", id)), `[false,"Job no longer waiting, can't cancel (informed it anyway)"]`)
	m.RunUntilQuiet()
	want(t, "canceled", opstatus(), `"canceled" ["success","success","canceled"]`)
	m.ArchiveJobs(0)
	want(t, "archived, by id", opstatus(), `"canceled" ["success","success","canceled"]`)
	want(t, "archived, in the list", w.rows("job", `["id"]`, "null"), "")
	want(t, "archived, asked for", w.rows("job", `["id","archived"]`, "null"), "1 true")
	want(t, "archived, by what it holds", w.rows("job", `["id","archived"]`, `["&",[">","id",0],["=","status","canceled"]]`), "1 true")
	m.Purge(id)
	want(t, "purged", w.rows("job", `["id","status","archived"]`, fmt.Sprintf(`["=","id",%d]`, id)), "1 [3,null] [3,null]")
}
