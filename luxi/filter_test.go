package luxi_test

import (
	"context"
	"encoding/json"
	"testing"

	"ganeti-autorepair/luxi"
)

func TestFilters(t *testing.T) {
	for _, tt := range []struct {
		filter luxi.Filter
		want   string
	}{
		{nil, `null`},
		{luxi.Eq("name", "a"), `["=","name","a"]`},
		{luxi.Eq("id", luxi.JobID(15)), `["=","id",15]`},
		{luxi.Ne("name", "a"), `["!=","name","a"]`},
		{luxi.Lt("id", 1), `["<","id",1]`},
		{luxi.Le("id", 1), `["<=","id",1]`},
		{luxi.Gt("id", 1), `[">","id",1]`},
		{luxi.Ge("id", 1), `[">=","id",1]`},
		{luxi.Contains("tags", "t"), `["=[]","tags","t"]`},
		{luxi.IsTrue("offline"), `["?","offline"]`},
		{luxi.Not(luxi.IsTrue("offline")), `["!",["?","offline"]]`},
		{luxi.And(luxi.IsTrue("a"), luxi.IsTrue("b")), `["&",["?","a"],["?","b"]]`},
		{luxi.Or(luxi.IsTrue("a"), luxi.IsTrue("b")), `["|",["?","a"],["?","b"]]`},
		{luxi.Or(), `["|"]`},
		{luxi.AnyOf("name", "a", "b"), `["&",["|",["=","name","a"],["=","name","b"]]]`},
		{luxi.AnyOf("name", "a"), `["&",["|",["=","name","a"]]]`},
		{luxi.AnyOf("name"), `["&",["|"]]`},
		{luxi.UnfinishedJobs(), `["&",["|",["=","status","queued"],["=","status","waiting"],["=","status","canceling"],["=","status","running"]]]`},
	} {
		s, c := serve(t, luxi.Options{}, answerOK(`{"fields":[],"data":[]}`))
		if _, err := c.Query(context.Background(), luxi.ResInstance, nil, tt.filter); err != nil {
			t.Errorf("%v: %v", tt.filter, err)
			continue
		}
		got, _ := s.seen()
		var req struct{ Args []json.RawMessage }
		if err := json.Unmarshal([]byte(got[0]), &req); err != nil {
			t.Fatal(err)
		}
		if string(req.Args[2]) != tt.want {
			t.Errorf("sent %s, want %s", req.Args[2], tt.want)
		}
	}
}

// TestFaultyFilters: a filter that would select more than was meant is not
// sent.
func TestFaultyFilters(t *testing.T) {
	ok := luxi.IsTrue("a")
	for i, f := range []luxi.Filter{
		luxi.And(),
		luxi.And(nil),
		luxi.And(ok, nil),
		luxi.Or(nil, ok),
		luxi.Not(nil),
		luxi.Not(luxi.And()),
		luxi.Or(ok, luxi.And(ok, luxi.Not(nil))),
	} {
		s, c := serve(t, luxi.Options{}, answerOK(`{"fields":[],"data":[]}`))
		_, err := c.Query(context.Background(), luxi.ResInstance, nil, f)
		if got, _ := s.seen(); err == nil || luxi.OutcomeUnknown(err) || len(got) != 0 {
			t.Errorf("filter %d: error %v, sent %q", i, err, got)
		}
	}
}
