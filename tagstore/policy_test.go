package tagstore_test

import (
	"strconv"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// now is the present of the policy tests.
const now = 1700000000

// The design document's own example, and each sentence of T2, T3, T4 and T10
// with the object and the tag that decide.
func TestEffectivePolicy(t *testing.T) {
	for _, row := range []struct {
		name                     string
		instance, group, cluster string // bodies of tags, separated by blanks
		want                     string // verdict, deciding object, deciding tag
	}{
		{"nothing", "", "", "", "- |  | "},
		{"T2 example I1", "failover", "", "fix-storage reinstall", "failover | instance i | failover"},
		{"T2 example I2", "", "", "fix-storage reinstall", "fix-storage | cluster | fix-storage"},
		{"T2 least destructive of all four", "reinstall failover migrate fix-storage", "", "", "fix-storage | instance i | fix-storage"},
		{"T2 nearest wins though weaker", "fix-storage", "reinstall", "failover", "fix-storage | instance i | fix-storage"},
		{"T2 nearest wins though stronger", "reinstall", "fix-storage", "", "reinstall | instance i | reinstall"},
		{"T2 group before cluster", "", "migrate", "reinstall", "migrate | group g | migrate"},
		{"T3 for ever", "suspend", "", "reinstall", "suspended | instance i | suspend"},
		{"T3 nothing behind the colon", "suspend:", "", "reinstall", "suspended | instance i | suspend:"},
		{"T3 until", "suspend:1700000001", "", "reinstall", "suspended 1700000001 | instance i | suspend:1700000001"},
		{"T3 suspension beats type", "reinstall suspend:1700000001", "", "", "suspended 1700000001 | instance i | suspend:1700000001"},
		{"T3 for ever beats any time", "suspend:9000000000 suspend suspend:9999999999", "", "", "suspended | instance i | suspend"},
		{"T3 latest time", "suspend:1800000000 suspend:1900000000 suspend:1700000001", "", "", "suspended 1900000000 | instance i | suspend:1900000000"},
		{"T3 type lifts suspension of the group", "failover", "suspend", "", "failover | instance i | failover"},
		{"T3 type lifts suspension of the cluster", "", "failover", "suspend", "failover | group g | failover"},
		{"T3 suspension of the cluster", "", "", "reinstall suspend", "suspended | cluster | suspend"},
		{"T3 suspension of the group", "", "suspend", "reinstall", "suspended | group g | suspend"},
		{"T4 passed time is absent", "suspend:1700000000", "", "failover", "failover | cluster | failover"},
		{"T4 passed time beside a type", "suspend:1699999999 migrate", "suspend", "", "migrate | instance i | migrate"},
		{"T4 of two only one has passed", "suspend:1699999999 suspend:1700000001", "", "", "suspended 1700000001 | instance i | suspend:1700000001"},
		{"T4 passed on all", "suspend:1", "suspend:2", "suspend:3", "- |  | "},
		{"T4 time 0", "suspend:0", "", "failover", "failover | cluster | failover"},
		{"T10 unreadable type", "reinstal", "", "", "unreadable | instance i | reinstal"},
		{"T10 unreadable type of the nearest object", "reinstal", "", "failover", "unreadable | instance i | reinstal"},
		{"T10 unreadable type beside a good one", "migrat reinstall", "", "", "unreadable | instance i | migrat"},
		{"T10 the first of two unreadable types", "none Failover", "", "reinstall", "unreadable | instance i | none"},
		{"T10 unreadable type of the group", "", "fix_storage", "reinstall", "unreadable | group g | fix_storage"},
		{"T10 unreadable type of the group is not the nearest", "failover", "fix_storage", "", "failover | instance i | failover"},
		{"T10 unreadable type of the cluster", "", "", "reinstall failovr", "unreadable | cluster | failovr"},
		{"T10 suspension beats an unreadable type", "none suspend:1700000001", "", "reinstall", "suspended 1700000001 | instance i | suspend:1700000001"},
		{"T10 unreadable type lifts no suspension", "none", "", "suspend", "unreadable | instance i | none"},
		{"T10 T4 passed time beside an unreadable type", "suspend:1 none", "", "reinstall", "unreadable | instance i | none"},
		{"T10 misspelt suspension", "Suspend", "", "reinstall", "suspended | instance i | Suspend"},
		{"T10 misspelt suspension with a time", "SUSPEND:123", "", "reinstall", "suspended | instance i | SUSPEND:123"},
		{"T10 misspelt suspension beside a type", "reinstall suspnd", "", "", "suspended | instance i | suspnd"},
		{"T10 misspelt suspension of the group", "", "suspended", "reinstall", "suspended | group g | suspended"},
		{"T12 on an instance node-offline is unreadable", "node-offline", "", "reinstall", "unreadable | instance i | node-offline"},
		{"T12 node-offline is no opinion", "", "node-offline", "reinstall", "reinstall | cluster | reinstall"},
		{"T12 node-offline permits no repair", "", "node-offline", "node-offline", "- |  | "},
		{"T12 node-offline beside a type", "", "failover node-offline", "", "failover | group g | failover"},
		{"T12 misspelt node-offline", "", "node_offline", "reinstall", "unreadable | group g | node_offline"},
		{"T10 unreadable suspension", "suspend:tomorrow", "", "reinstall", "suspended | instance i | suspend:tomorrow"},
		{"T10 unreadable suspension beside a type", "reinstall suspend:tomorrow", "", "", "suspended | instance i | suspend:tomorrow"},
		{"T10 unreadable suspension outlasts a time", "suspend:1900000000 suspend:tomorrow", "", "", "suspended | instance i | suspend:tomorrow"},
		{"T10 unreadable suspension of the cluster", "", "", "reinstall suspend:1:2", "suspended | cluster | suspend:1:2"},
		{"T10 unreadable suspension of the group, lifted", "failover", "suspend:x", "", "failover | instance i | failover"},
		{"T10 records are no policy", "pending:reinstall:x:5: result:reinstall:y:5:success:", "", "", "- |  | "},
		{"T10 unreadable records are no policy", "pending:x result:y", "", "failover", "failover | cluster | failover"},
		{"T10 records mean nothing on groups", "", "pending:reinstall:x:5:", "failover", "failover | cluster | failover"},
	} {
		objects := threeObjects(strings.Fields(row.instance), strings.Fields(row.group), strings.Fields(row.cluster))
		p := tagstore.EffectivePolicy(now, objects...)
		got := verdict(p) + " | " + p.Origin + " | " + strings.TrimPrefix(p.Tag, tagstore.Prefix)
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// An instance whose group is not known has two objects; none gives no policy.
func TestEffectivePolicyWithoutObjects(t *testing.T) {
	if p := tagstore.EffectivePolicy(now); p != (tagstore.Policy{}) {
		t.Errorf("no objects: %+v", p)
	}
	two := threeObjects(nil, nil, []string{"failover"})
	if p := tagstore.EffectivePolicy(now, two[0], two[2]); p.Type != tagstore.Failover || p.Origin != "cluster" {
		t.Errorf("without a group: %+v", p)
	}
}

func threeObjects(instance, group, cluster []string) []tagstore.Object {
	return []tagstore.Object{
		{Kind: luxi.TagInstance, Name: "i", Tags: parsed(luxi.TagInstance, instance)},
		{Kind: luxi.TagGroup, Name: "g", Tags: parsed(luxi.TagGroup, group)},
		{Kind: luxi.TagCluster, Tags: parsed(luxi.TagCluster, cluster)},
	}
}

func parsed(kind luxi.TagKind, bodies []string) tagstore.Tags {
	var tags []string
	for _, b := range bodies {
		tags = append(tags, tagstore.Prefix+b)
	}
	return tagstore.Parse(kind, tags)
}

// verdict renders a policy: "-", a type, "unreadable", "suspended" or "suspended SECONDS".
func verdict(p tagstore.Policy) string {
	switch {
	case (p.Suspended || p.Unreadable) && p.Type != tagstore.None, p.Suspended && p.Unreadable:
		return "contradictory"
	case p.Unreadable:
		return "unreadable"
	case p.Suspended && p.Until == 0:
		return "suspended"
	case p.Suspended:
		return "suspended " + strconv.FormatInt(p.Until, 10)
	case p.Type == tagstore.None:
		return "-"
	}
	return p.Type.String()
}

// rule is T2, T3, T4 and T10 written down a second time, from the bodies of the
// tags of one object: what they say, "-" if nothing.
func rule(bodies []string) string {
	set := make(map[string]bool)
	latest := int64(-1)
	for _, b := range bodies {
		set[b] = true
		if !strings.HasPrefix(b, "suspend:") || b == "suspend:" {
			continue
		}
		until, err := strconv.ParseInt(b[len("suspend:"):], 10, 64)
		switch {
		case err != nil:
			set["suspend"] = true
		case until > now && until > latest:
			latest = until
		}
	}
	switch {
	case set["suspend"] || set["suspend:"] || set["Suspend"]:
		return "suspended"
	case latest > 0:
		return "suspended " + strconv.FormatInt(latest, 10)
	case set["reinstal"]:
		return "unreadable"
	}
	for _, typ := range []string{"fix-storage", "migrate", "failover", "reinstall"} {
		if set[typ] {
			return typ
		}
	}
	return "-"
}

// alphabet has a tag of every sort that matters to a policy.
var alphabet = []string{
	"fix-storage", "migrate", "failover", "reinstall", "reinstal",
	"suspend", "suspend:", "suspend:0", "suspend:1699999999", "suspend:1700000001", "suspend:1900000000", "suspend:soon", "Suspend",
}

// Every set of tags of one object, in two orders, on each kind of object.
func TestPolicyOfOneObject(t *testing.T) {
	for set := 0; set < 1<<len(alphabet); set++ {
		var bodies, reversed []string
		for k, body := range alphabet {
			if set>>k&1 == 1 {
				bodies = append(bodies, body)
				reversed = append([]string{body}, reversed...)
			}
		}
		want := rule(bodies)
		for k, list := range [][]string{bodies, reversed, bodies} {
			o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: parsed(luxi.TagInstance, list)}
			if k == 2 {
				o = tagstore.Object{Kind: luxi.TagCluster, Tags: parsed(luxi.TagCluster, list)}
			}
			p := tagstore.EffectivePolicy(now, o)
			if got := verdict(p); got != want {
				t.Fatalf("%q: %q, want %q", list, got, want)
			}
			if want == "-" {
				if p.Origin != "" || p.Tag != "" {
					t.Fatalf("%q: no opinion, but from %q %q", list, p.Origin, p.Tag)
				}
				continue
			}
			// The tag named is one that would decide alone.
			body := strings.TrimPrefix(p.Tag, tagstore.Prefix)
			if !strings.Contains(" "+strings.Join(list, " ")+" ", " "+body+" ") || rule([]string{body}) != want || p.Origin != o.String() {
				t.Fatalf("%q: %q said to come from %q of %q", list, want, p.Tag, p.Origin)
			}
		}
	}
}

// Three objects, each with every sort of opinion: the nearest that has one wins.
func TestPolicyOfThreeObjects(t *testing.T) {
	opinions := [][]string{
		nil, {"reinstal"}, {"reinstal", "failover"}, {"Suspend"}, {"suspend:1"}, {"fix-storage"}, {"reinstall", "migrate"}, {"suspend"}, {"suspend:"},
		{"suspend:1700000001"}, {"failover", "suspend:1800000000", "suspend:1"}, {"failover", "suspend:1"}, {"suspend:soon"}, {"reinstall", "suspend:soon"},
	}
	for _, instance := range opinions {
		for _, group := range opinions {
			for _, cluster := range opinions {
				want, origin := rule(instance), "instance i"
				if want == "-" {
					want, origin = rule(group), "group g"
				}
				if want == "-" {
					want, origin = rule(cluster), "cluster"
				}
				if want == "-" {
					origin = ""
				}
				p := tagstore.EffectivePolicy(now, threeObjects(instance, group, cluster)...)
				if got := verdict(p); got != want || p.Origin != origin {
					t.Fatalf("instance %q, group %q, cluster %q: %q from %q, want %q from %q", instance, group, cluster, got, p.Origin, want, origin)
				}
			}
		}
	}
}

// T12, K5: whether a node may be marked offline. The nearest object with an opinion
// about nodes wins, and types of repair are none.
func TestEffectiveOfflinePolicy(t *testing.T) {
	for _, row := range []struct{ group, cluster, want string }{
		{"", "", "- |  | "},
		{"node-offline", "", "permitted | group g | node-offline"},
		{"", "node-offline", "permitted | cluster | node-offline"},
		{"reinstall", "node-offline", "permitted | cluster | node-offline"},
		{"reinstall", "", "- |  | "},
		{"suspend", "node-offline", "suspended | group g | suspend"},
		{"suspend:1700000001", "node-offline", "suspended 1700000001 | group g | suspend:1700000001"},
		{"suspend:1700000000", "node-offline", "permitted | cluster | node-offline"},
		{"node-offline suspend", "", "suspended | group g | suspend"},
		{"", "node-offline suspend", "suspended | cluster | suspend"},
		{"failover", "node-offline suspend", "suspended | cluster | suspend"},
		{"node-offline", "suspend", "permitted | group g | node-offline"},
		{"node-offlin", "node-offline", "unreadable | group g | node-offlin"},
		{"node-offline none", "", "unreadable | group g | none"},
		{"node-offline suspnd", "", "suspended | group g | suspnd"},
		{"pending:failover:x:1:", "node-offline", "permitted | cluster | node-offline"},
	} {
		objects := threeObjects(nil, strings.Fields(row.group), strings.Fields(row.cluster))
		p := tagstore.EffectiveOfflinePolicy(now, objects[1:]...)
		got := "-"
		switch {
		case p.Permitted && (p.Suspended || p.Unreadable):
			got = "contradictory"
		case p.Permitted:
			got = "permitted"
		case p.Origin != "":
			got = verdict(tagstore.Policy{Suspended: p.Suspended, Until: p.Until, Unreadable: p.Unreadable})
		}
		if got += " | " + p.Origin + " | " + strings.TrimPrefix(p.Tag, tagstore.Prefix); got != row.want {
			t.Errorf("group %q, cluster %q: %q, want %q", row.group, row.cluster, got, row.want)
		}
	}
}

// T4: exactly the suspensions whose time has passed are to be removed, never an
// endless or an unreadable one.
func TestExpiredSuspends(t *testing.T) {
	got := parsed(luxi.TagCluster, alphabet).ExpiredSuspends(now)
	want := []string{tagstore.Prefix + "suspend:0", tagstore.Prefix + "suspend:1699999999"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestObjectString(t *testing.T) {
	for want, o := range map[string]tagstore.Object{
		"cluster":       {Kind: luxi.TagCluster},
		"group rack1":   {Kind: luxi.TagGroup, Name: "rack1"},
		"instance web1": {Kind: luxi.TagInstance, Name: "web1"},
		"node n5":       {Kind: luxi.TagNode, Name: "n5"},
	} {
		if got := o.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
