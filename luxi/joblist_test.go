package luxi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

// queue answers as luxid does about a queue of some jobs. A job is received in the
// second of its number.
type queue struct {
	live, archived []luxi.JobID
	summaries      map[luxi.JobID]string
	read           int // how many job files were read
}

func (q *queue) answer(t *testing.T) func(*request) {
	return func(r *request) {
		var fields []string
		switch r.Method {
		case "QueryJobs":
			var ids []luxi.JobID
			if json.Unmarshal(r.Args[0], &ids) != nil || json.Unmarshal(r.Args[1], &fields) != nil || strings.Join(fields, " ") != "id received_ts" {
				t.Errorf("arguments %s", r.Args)
			}
			var rows []string
			for _, id := range ids {
				q.read++
				if q.has(q.live, id) || q.has(q.archived, id) {
					rows = append(rows, fmt.Sprintf(`[%d,[%d,0]]`, id, id))
				} else {
					rows = append(rows, fmt.Sprintf(`[%d,null]`, id))
				}
			}
			r.ok("[" + strings.Join(rows, ",") + "]")
		case "Query":
			var filter []json.RawMessage
			if json.Unmarshal(r.Args[1], &fields) != nil || json.Unmarshal(r.Args[2], &filter) != nil || len(filter) == 0 {
				t.Errorf("arguments %s", r.Args)
			}
			if string(filter[0]) == `"|"` {
				q.lookUp(r, filter[1:])
				return
			}
			var bound [3]json.RawMessage
			var first luxi.JobID
			if json.Unmarshal(filter[1], &bound) != nil || json.Unmarshal(bound[2], &first) != nil || string(bound[0])+string(bound[1]) != `">=""id"` {
				t.Errorf("the filter %s does not begin with a bound", r.Args[2])
			}
			jobs := q.live
			if fields[len(fields)-1] == "archived" {
				jobs = append(append([]luxi.JobID(nil), q.archived...), q.live...)
			}
			var rows []string
			for _, id := range jobs {
				if id < first {
					continue
				}
				if len(fields) > 1 {
					q.read++
				}
				cells := map[string]string{"id": fmt.Sprintf("[0,%d]", id), "summary": `[0,["` + q.summaries[id] + `"]]`, "archived": "[0,true]"}
				if q.summaries[id] == "gone" {
					cells["summary"], cells["archived"] = "[3,null]", "[3,null]"
				}
				var row []string
				for _, f := range fields {
					row = append(row, cells[f])
				}
				rows = append(rows, "["+strings.Join(row, ",")+"]")
			}
			r.ok(`{"fields":` + columns(fields...) + `,"data":[` + strings.Join(rows, ",") + `]}`)
		}
	}
}

// lookUp answers QueryJobs of the Client.
func (q *queue) lookUp(r *request, operands []json.RawMessage) {
	var rows []string
	for _, raw := range operands {
		var eq [3]json.RawMessage
		var id int
		if json.Unmarshal(raw, &eq) != nil || json.Unmarshal(eq[2], &id) != nil {
			panic(fmt.Sprintf("operand %s", raw))
		}
		if q.summaries[luxi.JobID(id)] == "purged(x)" {
			rows = append(rows, unknownRow(id))
		} else {
			rows = append(rows, jobRow(id, "success", true))
		}
	}
	r.ok(jobTable(true, rows...))
}

func (q *queue) has(list []luxi.JobID, id luxi.JobID) bool {
	for _, other := range list {
		if other == id {
			return true
		}
	}
	return false
}

// span lists the numbers from first to last.
func span(first, last luxi.JobID) []luxi.JobID {
	var list []luxi.JobID
	for id := first; id <= last; id++ {
		list = append(list, id)
	}
	return list
}

func TestFrom(t *testing.T) {
	b, err := json.Marshal(luxi.From(7, luxi.Eq("status", "error"), nil))
	if err == nil {
		t.Errorf("a filter that is missing was written: %s", b)
	}
	// The bound comes first: luxid reads the files of all jobs otherwise.
	if b, err = json.Marshal(luxi.From(7, luxi.Eq("status", "error"))); err != nil || string(b) != `["\u0026",["\u003e=","id",7],["=","status","error"]]` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestNewestJob(t *testing.T) {
	for _, tt := range []struct {
		live, archived []luxi.JobID
		atLeast, want  luxi.JobID
		read           int
	}{
		{nil, nil, 1, 0, 0},
		{nil, nil, 90, 89, 0},
		{span(50, 60), span(1, 49), 1, 60, 0},
		{span(50, 60), append(span(1, 49), 61, 62), 1, 62, 2}, // verify-disks jobs are archived at once
		{nil, span(1, 60), 55, 60, 6},
		{[]luxi.JobID{60, 50}, nil, 1, 60, 0},
	} {
		q := &queue{live: tt.live, archived: tt.archived}
		_, c := serve(t, luxi.Options{}, q.answer(t))
		got, err := c.NewestJob(bg, tt.atLeast)
		if got != tt.want || err != nil || q.read != tt.read {
			t.Errorf("live %v, archived %v, at least %d: %d, %v, %d files read; want %d, %d files", tt.live, tt.archived, tt.atLeast, got, err, q.read, tt.want, tt.read)
		}
	}
	_, c := serve(t, luxi.Options{}, func(r *request) { r.fail(`["GenericError",["no"]]`) })
	if _, err := c.NewestJob(bg, 1); err == nil {
		t.Error("no error where luxid refuses")
	}
}

func TestFirstJobSince(t *testing.T) {
	const newest = 100000
	gap := append(span(90000, 94000), span(95000, newest)...)
	for _, tt := range []struct {
		what  string
		jobs  []luxi.JobID
		since int64
		most  int64 // how far before it the answer may be
	}{
		{"the last ones", span(90000, newest), newest - 5, 16},
		{"a job that is looked at was received just then", span(90000, newest), newest + 1 - 1024, 16},
		{"a while ago", span(90000, newest), newest - 3000, 300},
		{"none", span(90000, newest), newest + 1, 0},
		{"all that are left", span(90000, newest), 1, 1},
		{"the oldest that is left", span(90000, newest), 90000, 90000},
		{"within a gap", gap, 94500, 1000},
		{"behind a gap", gap, 95000, 1200},
		{"every second number was skipped", everySecond(span(90000, newest)), newest - 3000, 300},
	} {
		q := &queue{archived: tt.jobs}
		_, c := serve(t, luxi.Options{}, q.answer(t))
		got, err := c.FirstJobSince(bg, time.Unix(tt.since, 0), newest)
		if err != nil || int64(got) > tt.since || int64(got) < tt.since-tt.most || q.read > 150 {
			t.Errorf("%s: from %d on, %v, %d files read; want %d", tt.what, got, err, q.read, tt.since)
		}
	}
	for _, row := range []string{`[1,"x"]`, `[1,[1]]`, `[1,[1,-1]]`} {
		_, c := serve(t, luxi.Options{}, answerOK(`[`+row+`,[2,null]]`))
		var proto *luxi.ProtocolError
		if got, err := c.FirstJobSince(bg, time.Unix(1, 0), 1); !errors.As(err, &proto) {
			t.Errorf("%s: %d, %v", row, got, err)
		}
	}
	q := &queue{}
	_, c := serve(t, luxi.Options{}, q.answer(t))
	if got, err := c.FirstJobSince(bg, time.Unix(1, 0), 0); got != 1 || err != nil || q.read != 0 {
		t.Errorf("no jobs at all: %d, %v", got, err)
	}
}

func everySecond(list []luxi.JobID) []luxi.JobID {
	var out []luxi.JobID
	for _, id := range list {
		if id%2 == 0 {
			out = append(out, id)
		}
	}
	return out
}

func TestFindJobs(t *testing.T) {
	q := &queue{archived: span(1, 8), live: span(9, 12), summaries: map[luxi.JobID]string{
		2: "INSTANCE_MIGRATE(i1)", 5: "INSTANCE_MIGRATE(i1)", 6: "INSTANCE_MIGRATE_X(i1)", 7: "gone", 8: `X","INSTANCE_REPLACE_DISKS(i2)`,
		9: "INSTANCE_FAILOVER(i2)", 11: "INSTANCE_MIGRATE", 12: "purged(x)",
	}}
	_, c := serve(t, luxi.Options{}, q.answer(t))
	find := func(ops ...string) string {
		jobs, err := c.FindJobs(bg, 4, ops...)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, job := range jobs {
			ids = append(ids, fmt.Sprint(job.ID))
		}
		return strings.Join(ids, " ")
	}
	if got := find(luxi.OpInstanceMigrate, luxi.OpInstanceReplaceDisks); got != "5 8 11" {
		t.Errorf("found %s", got)
	}
	if got := find("OP_purged"); got != "" { // purged between the two queries
		t.Errorf("found %s", got)
	}
	if got := find(luxi.OpTagsSet); got != "" {
		t.Errorf("found %s", got)
	}
}
