package luxi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestQueryFilterRules(t *testing.T) {
	names := columns("uuid", "priority", "watermark", "predicates", "action", "reason_trail")
	s, c := serve(t, luxi.Options{}, answerOK(`{"fields":`+names+`,"data":[
		[[0,"b"],[0,2],[0,10],[0,[]],[0,"PAUSE"],[0,[]]],
		[[0,"z"],[0,1],[0,11],[0,[["jobid",[">","id","watermark"]]]],[0,["RATE_LIMIT",5]],[0,[["gnt:client:gnt-filter","test",1700000000123456789],["odd"]]]],
		[[0,"a"],[0,2],[0,10],[0,[]],[0,"NEW"],[0,"odd"]],
		[[0,"c"],[0,2],[0,9],[0,[]],[0,"REJECT"],[0,[]]]]}`))
	rules, err := c.QueryFilterRules(bg)
	if err != nil {
		t.Fatal(err)
	}
	if sent, _ := s.seen(); sent[0] != `{"method":"Query","args":["filter",["uuid","priority","watermark","predicates","action","reason_trail"],null]}` {
		t.Errorf("sent %s", sent[0])
	}
	want := []luxi.FilterRule{
		{UUID: "z", Priority: 1, Watermark: 11, Predicates: raw(`[["jobid",[">","id","watermark"]]]`), Action: luxi.FilterRateLimit, Limit: 5,
			Reason: []luxi.ReasonEntry{{Source: "gnt:client:gnt-filter", Text: "test", Time: time.Unix(0, 1700000000123456789).UTC()}}},
		{UUID: "c", Priority: 2, Watermark: 9, Predicates: raw(`[]`), Action: luxi.FilterReject, Reason: []luxi.ReasonEntry{}},
		{UUID: "a", Priority: 2, Watermark: 10, Predicates: raw(`[]`), Action: "NEW"},
		{UUID: "b", Priority: 2, Watermark: 10, Predicates: raw(`[]`), Action: luxi.FilterPause, Reason: []luxi.ReasonEntry{}},
	}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("got  %+v\nwant %+v", rules, want)
	}
	// X1: a rule can be kept as JSON.
	var kept bytes.Buffer
	enc := json.NewEncoder(&kept)
	enc.SetEscapeHTML(false)
	var back luxi.FilterRule
	if err := enc.Encode(rules[0]); err != nil || json.Unmarshal(kept.Bytes(), &back) != nil || !reflect.DeepEqual(back, rules[0]) {
		t.Errorf("kept as %s, %v, which is %+v", kept.Bytes(), err, back)
	}
	for _, row := range []string{
		`[[0,"a"],[0,2],[0,10],[0,[]],[0,["RATE_LIMIT"]],[0,[]]]`, `[[0,"a"],[0,2],[0,10],[0,[]],[0,null],[0,[]]]`,
		`[[0,"a"],[0,"2"],[0,10],[0,[]],[0,"PAUSE"],[0,[]]]`, `[[0,"a"],[0,2],[1,null],[0,[]],[0,"PAUSE"],[0,[]]]`,
	} {
		_, c := serve(t, luxi.Options{}, answerOK(`{"fields":`+names+`,"data":[`+row+`]}`))
		var proto *luxi.ProtocolError
		if got, err := c.QueryFilterRules(bg); !errors.As(err, &proto) || got != nil {
			t.Errorf("%s: %v, %v", row, got, err)
		}
	}
}

// matchNames are the answers in the tables below.
var matchNames = map[luxi.Match]string{luxi.MatchNo: "no", luxi.MatchMaybe: "maybe", luxi.MatchYes: "yes"}

func rule(predicates string) luxi.FilterRule {
	return luxi.FilterRule{UUID: "u", Watermark: 100, Predicates: json.RawMessage(predicates), Action: luxi.FilterPause}
}

// C7: predicates for a job that is about to be submitted.
func TestMatchSubmitted(t *testing.T) {
	at := time.Unix(0, 1700000000123456789)
	ops := []luxi.OpCode{
		&luxi.InstanceRecreateDisks{
			Common:       luxi.Common{Reason: []luxi.ReasonEntry{{Source: "prog", Text: "repair x", Time: at}, {Source: "late", Text: "y"}}, DryRun: true, Priority: luxi.PriorityHigh},
			InstanceName: "i1.example.com", Nodes: []string{"n1", "n2"},
		},
		&luxi.TestDelay{Duration: 0.5},
	}
	subject, err := luxi.SubjectOfOps(ops, 500)
	if err != nil {
		t.Fatal(err)
	}
	for predicates, want := range map[string]string{
		`[]`:                                                "yes",
		`[["opcode",null]]`:                                 "yes",
		`[["jobid",null],["reason",null]]`:                  "yes",
		`[["jobid",[">","id","watermark"]]]`:                "yes",
		`[["jobid",["<=","id","watermark"]]]`:               "no",
		`[["jobid",[">","id",500]]]`:                        "yes",
		`[["jobid",[">","id",501]]]`:                        "maybe",
		`[["jobid",["<","id",501]]]`:                        "no",
		`[["jobid",["<=","id",501]]]`:                       "maybe",
		`[["jobid",["=","id",500]]]`:                        "no",
		`[["jobid",["==","id",501]]]`:                       "maybe",
		`[["jobid",["!=","id",500.0]]]`:                     "yes",
		`[["jobid",["=","id","500"]]]`:                      "no",
		`[["jobid",["!",["=","id","500"]]]]`:                "no", // luxid takes what it cannot evaluate for false, negated or not
		`[["jobid",["=","id",600]]]`:                        "maybe",
		`[["jobid",["!",["&",["=","id",501],["?","id"]]]]]`: "maybe",
		`[["reason",["|",["&",["=","source","late"],["=","timestamp",5]],["?","source"]]]]`: "maybe",
		`[["opcode",["|",["=","OP_ID","OP_TEST_DELAY"],["=","nosuch",0]]]]`:                 "maybe", // every field must be there
		`[["jobid",["=","uuid",1]]]`:                        "no",
		`[["jobid",["?","id"]]]`:                            "no",
		`[["jobid",["|",[">","id",1],["?","id"]]]]`:         "yes",
		`[["jobid",["|",["?","id"],[">","id",1]]]]`:         "no",
		`[["jobid",["&",["<","id",1],["?","id"]]]]`:         "no",
		`[["jobid",["&"]]]`:                                 "yes",
		`[["jobid",["|"]]]`:                                 "no",
		`[["jobid",["!",["|"]]]]`:                           "yes",
		`[["opcode",["=","OP_ID","OP_TEST_DELAY"]]]`:        "yes",
		`[["opcode",["=","OP_ID","OP_INSTANCE_FAILOVER"]]]`: "no",
		`[["opcode",["|",["=","OP_ID","OP_TAGS_SET"],["=","OP_ID","OP_INSTANCE_RECREATE_DISKS"]]]]`:   "yes",
		`[["opcode",["!",["=","OP_ID","OP_TEST_DELAY"]]]]`:                                            "yes",
		`[["opcode",["&",["=","OP_ID","OP_TEST_DELAY"],["=","duration",1]]]]`:                         "no",
		`[["opcode",["&",["=","OP_ID","OP_TEST_DELAY"],["<","duration",1]]]]`:                         "yes",
		`[["opcode",["<","duration","x"]]]`:                                                           "yes", // numbers come before texts
		`[["opcode",["?","on_master"]]]`:                                                              "maybe",
		`[["opcode",["!",["?","on_master"]]]]`:                                                        "yes",
		`[["opcode",["&",["=","OP_ID","OP_TEST_DELAY"],["=","OP_ID","OP_TAGS_SET"],["?","repeat"]]]]`: "no",
		`[["opcode",["=","repeat",0]]]`:                                                               "maybe",
		`[["opcode",["=","instance_name","i1.example.com"]]]`:                                         "yes",
		`[["opcode",["=","instance_name","i1"]]]`:                                                     "maybe", // the delay might have one, as far as is known here
		`[["opcode",["&",["=","OP_ID","OP_INSTANCE_RECREATE_DISKS"],["=","instance_name","i2"]]]]`:    "no",
		`[["opcode",["=[]","nodes","n2"]]]`:                                                           "yes",
		`[["opcode",["&",["=","OP_ID","OP_INSTANCE_RECREATE_DISKS"],["=[]","nodes","n3"]]]]`:          "no",
		`[["opcode",["&",["=","OP_ID","OP_INSTANCE_RECREATE_DISKS"],["=[]","nodes",3]]]]`:             "no",
		`[["opcode",["=~","OP_ID","^OP_INSTANCE_RE(CREATE|PLACE)_"]]]`:                                "yes",
		`[["opcode",["=~","OP_ID","^INSTANCE_"]]]`:                                                    "no",
		`[["opcode",["=~","OP_ID","\\w+"]]]`:                                                          "maybe",
		`[["opcode",["=~","OP_ID","a**"]]]`:                                                           "maybe",
		`[["opcode",["=~","OP_ID","(?i)op_test"]]]`:                                                   "maybe",
		`[["opcode",["?","dry_run"]]]`:                                                                "no", // rules do not see what all opcodes have
		`[["opcode",["=","priority",-10]]]`:                                                           "no",
		`[["opcode",["!",["=","reason.x",1]]]]`:                                                       "no",
		`[["opcode",["=","OP_ID.x",1]]]`:                                                              "no",
		`[["opcode",["?","OP_ID"]]]`:                                                                  "no",
		`[["opcode",["=[]","OP_ID","x"]]]`:                                                            "no",
		`[["opcode",[">","nodes","zzz"]]]`:                                                            "yes", // lists come after texts
		`[["reason",["=","source","prog"]]]`:                                                          "yes",
		`[["reason",["=","source","other"]]]`:                                                         "no",
		`[["reason",["&",["=","source","prog"],["=","reason","repair x"]]]]`:                          "yes",
		`[["reason",["&",["=","source","late"],["=","reason","repair x"]]]]`:                          "no",
		`[["reason",["=","source","gnt:opcode:test_delay"]]]`:                                         "yes",
		`[["reason",["=","source","gnt:opcode:instance_recreate_disks"]]]`:                            "yes",
		`[["reason",["=","reason","job=501;index=0"]]]`:                                               "maybe",
		`[["reason",["&",["=","source","gnt:opcode:test_delay"],["=","reason","job="]]]]`:             "no",
		`[["reason",["&",["=","source","gnt:opcode:test_delay"],[">","reason","job="]]]]`:             "yes",
		`[["reason",["&",["=","source","gnt:opcode:test_delay"],["<","reason","k"]]]]`:                "yes",
		`[["reason",["=","timestamp",1700000000123456780]]]`:                                          "maybe", // times of other entries are not known yet
		`[["reason",["&",["=","source","prog"],["=","timestamp",1700000000123456789]]]]`:              "yes",
		`[["reason",["&",["=","source","prog"],["<","timestamp",1700000000123456789]]]]`:              "no",
		`[["reason",["&",["=","source","late"],["<","timestamp",5]]]]`:                                "maybe",
		`[["reason",["&",["=","source","late"],[">","timestamp","x"]]]]`:                              "yes",
		`[["reason",["=~","source","prog"]]]`:                                                         "no", // comparisons only
		`[["reason",["!",["=~","source","other"]]]]`:                                                  "no",
		`[["reason",["<","source",1]]]`:                                                               "yes",
		`[["reason",["=","user","x"]]]`:                                                               "no",
		`[["reason",["=","source","prog"]],["jobid",["<","id",3]]]`:                                   "no",
		`[["opcode",["=","repeat",0]],["jobid",[">","id",3]]]`:                                        "maybe",
		`[["user",["=","name","x"]]]`:                                                                 "maybe",
		`[["opcode"]]`:                                                                                "maybe",
		`[["opcode",["=","OP_ID"]]]`:                                                                  "maybe",
		`[["opcode",["~","OP_ID","x"]]]`:                                                              "maybe",
		`[["opcode",["=","OP_ID",true]]]`:                                                             "maybe",
		`[["opcode",["=","OP_ID",1.5]]]`:                                                              "maybe",
		`[["opcode",["!"]]]`:                                                                          "maybe",
		`[["opcode",[]]]`:                                                                             "maybe",
		`[["opcode",["&",["=","OP_ID"]]]]`:                                                            "maybe",
		`[1]`:                                                                                         "maybe",
		`null`:                                                                                        "maybe",
		`{}`:                                                                                          "maybe",
	} {
		if got := matchNames[rule(predicates).Match(subject)]; got != want {
			t.Errorf("%s: %s, want %s", predicates, got, want)
		}
	}
	// Without a number to go by, that of the rule is one.
	unknown, err := luxi.SubjectOfOps(ops, 0)
	if err != nil || rule(`[["jobid",[">","id","watermark"]]]`).Match(unknown) != luxi.MatchYes || rule(`[["jobid",[">","id",101]]]`).Match(unknown) != luxi.MatchMaybe {
		t.Errorf("a job without a number to go by: %v", err)
	}
	var oe *luxi.OpCodeError
	if _, err := luxi.SubjectOfOps([]luxi.OpCode{&luxi.TestDelay{}, &luxi.OobCommand{}}, 0); !errors.As(err, &oe) || oe.Op != 1 {
		t.Errorf("an opcode that cannot be sent: %v", err)
	}
}

// C7: a job of the queue is known as a whole.
func TestMatchJob(t *testing.T) {
	job := luxi.JobInfo{ID: 7, Known: true, Ops: []luxi.JobOp{
		{ID: "OP_TEST_DELAY", Params: params("duration", `1.5`, "tiny", `1.0e-2`, "huge", `1e9999`, "on_nodes", `["n1"]`, "on_node_uuids", `null`, "counts", `[1,2]`, "deep", `{"a":{"b":3}}`, "dry_run", `true`),
			Reason: []luxi.ReasonEntry{{Source: "s", Text: "t", Time: time.Unix(0, 5)}, {Source: "odd", Text: "u", Time: time.Unix(0, 0)}}},
		{Params: params("OP_ID", `"OP_TAGS_SET"`), Reason: []luxi.ReasonEntry{{Source: "unseen"}}},
	}}
	subject := luxi.SubjectOfJob(job)
	for predicates, want := range map[string]string{
		`[["jobid",["=","id",7]]]`:                                          "yes",
		`[["jobid",["<","id","watermark"]]]`:                                "yes",
		`[["jobid",[">","id",7]]]`:                                          "no",
		`[["opcode",["=","OP_ID","OP_TEST_DELAY"]]]`:                        "yes",
		`[["opcode",["=","OP_ID","OP_TAGS_SET"]]]`:                          "no",
		`[["opcode",["=","repeat",0]]]`:                                     "no",
		`[["opcode",["|",["=","OP_ID","OP_TEST_DELAY"],["=","repeat",0]]]]`: "no", // every field must be there
		`[["opcode",[">","duration",1]]]`:                                   "yes",
		`[["opcode",["<","tiny",1]]]`:                                       "yes",
		`[["opcode",["<","huge",1]]]`:                                       "maybe",
		`[["opcode",["=","deep.a.b",3]]]`:                                   "yes",
		`[["opcode",["=","deep.a.c",3]]]`:                                   "no",
		`[["opcode",["=[]","counts",2]]]`:                                   "yes",
		`[["opcode",["=[]","counts","2"]]]`:                                 "no",
		`[["opcode",["<","on_node_uuids",0]]]`:                              "yes",
		`[["opcode",["?","dry_run"]]]`:                                      "no",
		`[["reason",["=","timestamp",6]]]`:                                  "no",
		`[["reason",["&",["=","source","s"],["=","timestamp",5]]]]`:         "yes",
		`[["reason",["=","source","unseen"]]]`:                              "no",
	} {
		if got := matchNames[rule(predicates).Match(subject)]; got != want {
			t.Errorf("%s: %s, want %s", predicates, got, want)
		}
	}
	if job.Ops[0].Param("OP_ID") != "" || !job.Ops[0].DryRun() {
		t.Error("the job was changed")
	}
}

// C7: which of several rules counts.
func TestStoppingRule(t *testing.T) {
	subject, err := luxi.SubjectOfOps([]luxi.OpCode{&luxi.TestDelay{}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	const yes, no, maybe = `[["opcode",["=","OP_ID","OP_TEST_DELAY"]]]`, `[["opcode",["=","OP_ID","X"]]]`, `[["opcode",["=","repeat",0]]]`
	predicates := map[string]string{"yes": yes, "no": no, "maybe": maybe}
	for _, tt := range []struct {
		rules string // action:match of each rule
		want  string // UUID of the rule that stops the job
	}{
		{"", ""},
		{"PAUSE:no REJECT:no NEW:no", ""},
		{"PAUSE:yes", "0"},
		{"REJECT:maybe", "0"},
		{"NEW:maybe", "0"},
		{"ACCEPT:yes REJECT:yes", ""},
		{"ACCEPT:maybe REJECT:yes", "1"},
		{"ACCEPT:no REJECT:yes PAUSE:yes", "1"},
		{"CONTINUE:yes PAUSE:yes", "1"},
		{"CONTINUE:yes", ""},
		{"RATE_LIMIT:yes REJECT:yes", ""},
		{"RATE_LIMIT:maybe REJECT:maybe", "1"},
		{"PAUSE:no ACCEPT:yes REJECT:yes", ""},
	} {
		var rules []luxi.FilterRule
		for n, f := range strings.Fields(tt.rules) {
			action, match, _ := strings.Cut(f, ":")
			rules = append(rules, luxi.FilterRule{UUID: string(rune('0' + n)), Predicates: json.RawMessage(predicates[match]), Action: luxi.FilterAction(action)})
		}
		got, stops := luxi.StoppingRule(rules, subject)
		if got.UUID != tt.want || stops != (tt.want != "") {
			t.Errorf("%s: rule %q, %t; want %q", tt.rules, got.UUID, stops, tt.want)
		}
	}
}
