package luxi

import (
	"encoding/json"
	"testing"
	"time"
)

func TestParseProgress(t *testing.T) {
	row := func(text string) [6]json.RawMessage {
		var r [6]json.RawMessage
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	p, err := parseProgress(row(`[7,"running",["success","running"],["A","B"],[1700000000,5],[[[1,[1700000001,0],"message","one"]],[[2,[1700000002,0],"delay-test",["/x"]]]]]`))
	if err != nil || p.ID != 7 || !p.Known || p.Status != JobRunning || len(p.Ops) != 2 || len(p.Log) != 2 ||
		p.Log[0] != (LogLine{1, time.Unix(1700000001, 0).UTC(), "message", "one"}) || p.Log[1].Text != `["/x"]` || p.Started.Unix() != 1700000000 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := parseProgress(row(`[7,"queued",["queued"],["A"],null,[[]]]`)); err != nil || !p.Started.IsZero() || p.Log != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := parseProgress(row(`[7,null,null,null,null,null]`)); err != nil || p.Known {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{
		`[0,null,null,null,null,null]`, `[7,"queued",null,["A"],null,[[]]]`, `[7,"queued",["queued"],["A"],[1],[[]]]`,
		`[7,"queued",["queued"],["A"],null,[[1]]]`, `[7,"queued",["queued"],["A"],null,[[[1,2,"message","x"]]]]`,
	} {
		if p, err := parseProgress(row(bad)); err == nil {
			t.Errorf("%s: %+v", bad, p)
		}
	}
}
