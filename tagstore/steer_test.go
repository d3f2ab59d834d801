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

func render(c Change) string {
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
	stop := func(until int64) func(Object) Change {
		return func(o Object) Change { c, _ := o.Stop(until); return c }
	}
	policy := func(typ Type) func(Object) Change { return func(o Object) Change { return o.SetPolicy(typ) } }
	request := func(typ Type) func(Object) Change {
		return func(o Object) Change {
			c, _ := o.Request(Pending{Type: typ, ID: "x", Time: 7}, false)
			return c
		}
	}
	byHand := func(o Object) Change {
		c, _ := o.Request(Pending{Type: Failover, ID: "x", Time: 7}, true)
		return c
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
		{"policy", policy(None), "migrate failover suspend", "-migrate -failover"},
		// T10: what nobody can read stands until a person looks, which is now.
		{"policy", policy(None), "Failover frob suspend:x suspnd pending:x result:x", "-Failover -frob"},
		{"policy", policy(Failover), "Failover", "+failover -Failover"},
		{"policy", policy(Failover), "failover Failover fenced:1", "-Failover -fenced:1"},
		{"policy", policy(None), "", ""},
		{"suspend", suspend(0), "failover", "+suspend"},
		{"suspend", suspend(0), "suspend", ""},
		{"suspend", suspend(0), "suspend:", "+suspend"}, // of stop, which may be undone
		{"suspend", suspend(8), "suspend:09", "+suspend:8"},
		{"suspend", suspend(8), "suspend:05 suspend:5", "+suspend:8 -suspend:5"},
		{"suspend", suspend(0), "suspend:5 suspend:9", "+suspend -suspend:5 -suspend:9"},
		{"suspend", suspend(8), "suspend:5", "+suspend:8 -suspend:5"},
		{"suspend", suspend(8), "suspend:8", ""},
		{"suspend", suspend(8), "suspend:5 suspend:9", ""},
		{"suspend", suspend(8), "suspend:5 suspend", ""},
		{"suspend", suspend(8), "suspend:soon", "+suspend:8"},
		{"resume", Object.Resume, "suspend suspend:5 suspend:soon failover frob", "-suspend -suspend:5 -suspend:soon"},
		{"resume", Object.Resume, "Suspend SUSPENDED:9 Failover", "-Suspend -SUSPENDED:9"},
		{"resume", Object.Resume, "failover", ""},
		{"resume", Object.Resume, "suspend: suspend:09", "-suspend: -suspend:09"},
		{"stop", stop(0), "failover", "+suspend:"},
		{"stop", stop(0), "suspend:5 suspend:soon", "+suspend:"},
		{"stop", stop(0), "suspend:05 suspend:5", "+suspend: -suspend:05"},
		{"stop", stop(0), "suspend", ""},
		{"stop", stop(0), "suspend:", ""},
		{"stop", stop(8), "suspend:5", "+suspend:08"},
		{"stop", stop(8), "suspend:05", "+suspend:08 -suspend:05"},
		{"stop", stop(8), "suspend:8", ""},
		{"stop", stop(8), "suspend:", ""},
		{"unstop", Object.Unstop, "suspend suspend:5 suspend: suspend:09 suspend:soon suspend:0 failover", "-suspend: -suspend:09"},
		{"ack", Object.Acknowledge, "result:failover:a:1:failure:2 result:failover:b:1:success:2 result:x pending:failover:c:1:", "-result:failover:a:1:failure:2"},
		{"repair", request(Migrate), "", "+pending:migrate:x:7:"},
		{"repair", request(Migrate), "pending:failover:a:1:", ""},
		{"repair", request(Failover), "pending:migrate:a:1:", "+pending:failover:x:7:"},
		{"repair", request(Migrate), "pending:failover:a:1: result:failover:a:2:success:", "+pending:migrate:x:7:"},
		{"repair", request(Failover), "pending:failover:p-aaaabbbb:1:", ""},
		{"repair by hand", byHand, "pending:failover:p-aaaabbbb:1:", "+pending:failover:x:7:"},
		{"repair by hand", byHand, "pending:failover:aaaabbbb:1:", "+pending:failover:x:7:"},
		{"repair by hand", byHand, "pending:failover:r-aaaabbbb:1:", ""},
		{"repair by hand", byHand, "pending:failover:mine:1:", ""},
		{"cancel", Object.GiveUp, "pending:failover:a:1:2 pending:failover:a:1: pending:migrate:b:1: pending:x failover", "-pending:failover:a:1:2 -pending:failover:a:1: -pending:migrate:b:1:"},
	} {
		if got := render(row.do(object(luxi.TagInstance, row.tags))); got != row.want {
			t.Errorf("%s on %q: %q, want %q", row.what, row.tags, got, row.want)
		}
	}
	// The suspension that is left as it is is returned.
	if _, s := object(luxi.TagInstance, "suspend:9").Suspend(8); s == nil || s.Until != 9 {
		t.Errorf("%+v", s)
	}
	// The cluster has no name.
	if c := object(luxi.TagCluster, "").SetPolicy(Migrate); c.Name != "" || c.Kind != luxi.TagCluster {
		t.Errorf("%+v", c)
	}
}

// The object after a change has the tags that it will have, and reads as they do.
func TestAfter(t *testing.T) {
	o := object(luxi.TagInstance, "failover suspend Failover pending:failover:x:1: result:failover:y:1:success:")
	p := EffectivePolicy(5, o.After(o.Resume()))
	if !p.Unreadable || p.Suspended {
		t.Errorf("resumed: %+v", p)
	}
	o = o.After(o.Resume())
	o = o.After(o.SetPolicy(Migrate))
	if p := EffectivePolicy(5, o); p.Type != Migrate || len(o.Tags.Malformed) != 0 || o.Name != "i" {
		t.Errorf("permitted: %+v, %+v", p, o)
	}
	o = o.After(Change{Before: []string{Prefix + "result:failover:y:1:success:"}, Remove: []string{Prefix + "pending:failover:x:1:"}})
	if got := strings.Join(o.Tags.List(), " "); got != Prefix+"migrate" {
		t.Errorf("tags %s", got)
	}
	if r := o.Tags.Records(); len(r.Repairs)+len(r.Results) != 0 {
		t.Errorf("records %+v", r)
	}
}
