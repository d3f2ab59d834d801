package tagstore

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

func object(kind luxi.TagKind, bodies string) Object {
	var tags []string
	for _, b := range strings.Fields(bodies) {
		tags = append(tags, Prefix+b)
	}
	return Object{Kind: kind, Name: "i", Tags: Parse(kind, tags)}
}

func told(c Change) string {
	var parts []string
	for _, t := range c.Add {
		parts = append(parts, "+"+strings.TrimPrefix(t, Prefix))
	}
	for _, t := range c.Remove {
		parts = append(parts, "-"+strings.TrimPrefix(t, Prefix))
	}
	return strings.Join(parts, " ")
}

// T1, T3: what people ask for is a change of tags, and nothing if it is so
// already.
func TestSteering(t *testing.T) {
	suspend := func(until int64) func(Object) Change {
		return func(o Object) Change { c, _ := o.Suspend(until); return c }
	}
	policy := func(typ Type) func(Object) Change { return func(o Object) Change { return o.SetPolicy(typ) } }
	request := func(typ Type) func(Object) Change {
		return func(o Object) Change {
			c, _ := o.Request(Pending{Type: typ, ID: "x", Time: 7})
			return c
		}
	}
	for _, row := range []struct {
		what string
		do   func(Object) Change
		tags string
		want string
	}{
		{"policy", policy(Failover), "", "+failover"},
		{"policy", policy(Failover), "failover", ""},
		{"policy", policy(Failover), "migrate suspend", "+failover -migrate"},
		{"policy", policy(Failover), "migrate failover reinstall", "-migrate -reinstall"},
		{"policy", policy(None), "migrate failover frob suspend", "-migrate -failover"},
		{"policy", policy(None), "", ""},
		{"suspend", suspend(0), "failover", "+suspend"},
		{"suspend", suspend(0), "suspend", ""},
		{"suspend", suspend(0), "suspend:", ""},
		{"suspend", suspend(0), "suspend:5 suspend:9", "+suspend -suspend:5 -suspend:9"},
		{"suspend", suspend(8), "suspend:5", "+suspend:8 -suspend:5"},
		{"suspend", suspend(8), "suspend:8", ""},
		{"suspend", suspend(8), "suspend:5 suspend:9", ""},
		{"suspend", suspend(8), "suspend:5 suspend", ""},
		{"suspend", suspend(8), "suspend:soon", "+suspend:8"},
		{"resume", Object.Resume, "suspend suspend:5 suspend:soon failover frob", "-suspend -suspend:5 -suspend:soon"},
		{"resume", Object.Resume, "failover", ""},
		{"ack", Object.Acknowledge, "result:failover:a:1:failure:2 result:failover:b:1:success:2 result:x pending:failover:c:1:", "-result:failover:a:1:failure:2"},
		{"repair", request(Migrate), "", "+pending:migrate:x:7:"},
		{"repair", request(Migrate), "pending:failover:a:1:", ""},
		{"repair", request(Failover), "pending:migrate:a:1:", "+pending:failover:x:7:"},
		{"repair", request(Migrate), "pending:failover:a:1: result:failover:a:2:success:", "+pending:migrate:x:7:"},
		{"cancel", Object.GiveUp, "pending:failover:a:1:2 pending:failover:a:1: pending:migrate:b:1: pending:x failover", "-pending:failover:a:1:2 -pending:failover:a:1: -pending:migrate:b:1:"},
	} {
		if got := told(row.do(object(luxi.TagInstance, row.tags))); got != row.want {
			t.Errorf("%s on %q: %q, want %q", row.what, row.tags, got, row.want)
		}
	}
	// The suspension that is left as it is is told.
	if _, s := object(luxi.TagInstance, "suspend:9").Suspend(8); s == nil || s.Until != 9 {
		t.Errorf("%+v", s)
	}
	// The cluster has no name.
	if c := object(luxi.TagCluster, "").SetPolicy(Migrate); c.Name != "" || c.Kind != luxi.TagCluster {
		t.Errorf("%+v", c)
	}
}
