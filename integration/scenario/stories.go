package scenario

import (
	"fmt"
	"math/rand"
	"strings"
)

// Stories makes a scenario of random stories about a world that moves while repairs
// are under way: nodes that come back, jobs that hang, people who act by hand, limits
// of one, archived jobs. In the end nothing hangs and nothing fails. The same seed
// makes the same scenario.
func Stories(seed int64) *Scenario {
	t := &teller{dice: &dice{rand.New(rand.NewSource(seed))}}
	t.say("Stories %d\ndemands: C2\nends: -\n-- cluster --", seed)
	t.world()
	t.say("-- events --")
	t.settings()
	for n := 1 + t.Intn(3); n > 0; n-- {
		arcs[t.Intn(len(arcs))](t)
		if t.one(3) {
			t.person(t.say, append([]string{"n1"}, t.nodes...), t.names())
		}
	}
	t.say("calm\nclock 0s\nqueue undrain")
	for _, p := range t.cuts {
		t.say("mend %s %s", p[0], p[1])
	}
	t.say("quiet\nwait 20m\nrepair\nplenty\nwait 60m\nsettle\nrepair\n-- log --")
	s, err := Parse(t.text.String())
	if err != nil {
		panic("scenario: " + err.Error())
	}
	return s
}

// teller makes up a scenario.
type teller struct {
	*dice
	text      strings.Builder
	nodes     []string // but for the master
	instances []hero
	cuts      [][2]string
}

// hero is an instance of a story, as it was in the beginning.
type hero struct{ name, template, primary, secondary string }

func (t *teller) say(format string, args ...any) { fmt.Fprintf(&t.text, format+"\n", args...) }

// world makes up a cluster.
func (t *teller) world() {
	t.say("cluster c tags=%s", t.pick("reinstall", "reinstall", "reinstall", "failover", "failover", "migrate", "reinstall,=htools:iextags:s"))
	groups := 1 + t.Intn(4)/3
	for g := 0; g < groups; g++ {
		t.say("group g%d%s", g, t.pick("", "", "", " tags=failover", " tags=reinstall"))
	}
	count := 4 + t.Intn(3)
	for n := 1; n <= count; n++ {
		name := fmt.Sprintf("n%d", n)
		t.say("node %s group=g%d%s", name, n%groups, t.pick("", "", "", " mem=700", " mem=9000 os=other"))
		if n > 1 {
			t.nodes = append(t.nodes, name)
		}
	}
	for k := 2 + t.Intn(3); k > 0; k-- {
		i := hero{name: fmt.Sprintf("i%d", k), template: t.pick("drbd", "drbd", "drbd", "rbd", "rbd", "plain", "plain", "file", "sharedfile")}
		at := t.Intn(2) // few nodes have many instances
		i.primary = t.nodes[at]
		on := i.primary
		if i.template == "drbd" {
			i.secondary = t.nodes[(at+1+t.Intn(len(t.nodes)-1))%len(t.nodes)]
			on += "," + i.secondary
		}
		t.say("instance %s template=%s nodes=%s state=%s mem=%s%s%s", i.name, i.template, on, t.pick("up", "up", "down"), t.pick("128", "128", "512"),
			t.pick("", "", "", "", " always-failover", " hypervisor=lxc"),
			t.pick("", "", "", "", " tags=Failover", " tags=pending:failover:x:NOW-5:", " tags==s:1", " tags=failover"))
		t.instances = append(t.instances, i)
	}
}

func (t *teller) settings() {
	if t.one(2) {
		t.say("settings max_running=1 max_copying=1")
	} else if t.one(2) {
		t.say("settings max_running=2 max_copying=1")
	}
	if t.one(4) {
		t.say("settings max_attempts=%d", 1+t.Intn(2))
	}
	t.say("settings max_unhealthy_nodes=100")
}

func (t *teller) names() []string {
	var list []string
	for _, i := range t.instances {
		list = append(list, i.name)
	}
	return list
}

func (t *teller) hero() hero { return t.instances[t.Intn(len(t.instances))] }

// mirrored is an instance with that kind of disks, any if there is none.
func (t *teller) mirrored(template string) hero {
	i := t.hero()
	for n := 0; n < 10 && i.template != template; n++ {
		i = t.hero()
	}
	return i
}

// step is an opcode that a repair of the instance is likely to need.
func (t *teller) step(i hero, drained bool) string {
	switch {
	case i.template == "plain" || i.template == "file":
		return "INSTANCE_RECREATE_DISKS"
	case drained:
		return t.pick("INSTANCE_MIGRATE", "INSTANCE_MIGRATE", "INSTANCE_FAILOVER")
	}
	return t.pick("INSTANCE_FAILOVER", "INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS")
}

func (t *teller) rest() { t.say(t.pick("quiet", "quiet", "wait 5m", "wait 20m", "wait 6h\nwatcher")) }

// arcs are the stories.
var arcs = []func(*teller){
	(*teller).returns, (*teller).returns, (*teller).returns, (*teller).canceled, (*teller).byHand, (*teller).refused, (*teller).halfCopy, (*teller).lostMigration, (*teller).strangers,
	(*teller).noSystem, (*teller).staleCopy, (*teller).locks, (*teller).withdrawn, (*teller).copying, (*teller).nodeJobs, (*teller).enoperm,
}

// returns: a node is lost or drained, jobs wait behind one that hangs, and something
// of what they were submitted for changes.
func (t *teller) returns() {
	i, drained := t.hero(), t.one(3)
	word := "offline"
	if drained {
		word = "drain"
	}
	t.say("%s %s%s", word, i.primary, map[bool]string{false: t.pick("", " lives")}[drained])
	t.say("hang %s %s%s", t.step(i, drained), i.name, t.pick("", "", " late"))
	t.say("pass\nwait %s", t.pick("1s", "1m", "20m"))
	switch t.Intn(6) {
	case 0, 1, 2:
		t.say("online %s", i.primary)
	case 3:
		t.say("%s %s", t.pick("offline", "drain"), t.nodes[t.Intn(len(t.nodes))])
	case 4:
		t.say("online %s\ntag cluster suspend", i.primary)
	case 5:
		t.say("try untag instance %s pending", t.hero().name)
	}
	if t.one(4) {
		t.say("queue drain")
	}
	if !t.one(4) {
		t.say("wait 5m\npass")
	}
	t.say("continue\nqueue undrain\ntry untag cluster suspend")
	t.rest()
	t.say("pass")
	t.rest()
}

// canceled: a person cancels what waits, or the gate of a job.
func (t *teller) canceled() {
	i := t.hero()
	t.say("offline %s", i.primary)
	if t.one(4) {
		t.say("maybe during WaitForJobChange 1 try cancel %s gate", i.name)
	} else {
		t.say("hang %s %s", t.step(t.hero(), false), t.hero().name)
	}
	t.say("pass\ntry cancel %s", i.name)
	if t.one(2) {
		t.say("online %s", i.primary)
	}
	t.say("%s\npass\ncontinue", t.pick("quiet", "wait 5m", "wait 16m"))
	t.rest()
	t.say("pass")
	t.rest()
}

// byHand: people move an instance while its job waits, or before it is tried again.
func (t *teller) byHand() {
	i, other := t.mirrored("drbd"), t.hero()
	t.say("%s %s", t.pick("drain", "drain", "offline"), i.primary)
	if t.one(2) {
		t.say("hang %s %s late", t.step(other, true), other.name)
	}
	if t.one(2) {
		t.say("fail INSTANCE_MIGRATE %s %s", i.name, t.pick("wrong_state", "exec"))
	}
	t.say("pass\nwait 1m\ntry admin %s %s", t.pick("INSTANCE_MIGRATE", "INSTANCE_FAILOVER", "INSTANCE_REPLACE_DISKS"), i.name)
	t.say("wait 5m\npass\ncontinue")
	t.rest()
	t.say("pass")
	t.rest()
}

// refused: Ganeti refuses a job, in one way or in several.
func (t *teller) refused() {
	i := t.hero()
	step := t.step(i, false)
	t.say("settings max_attempts=2\nfail %s %s wrong_state\nfail %s %s %s", step, i.name, step, i.name, t.pick("environment_error", "environment_error", "wrong_state"))
	t.say("offline %s\npass\nquiet\npass\nquiet\npass\nwait 20m\npass", i.primary)
	t.rest()
}

// halfCopy: a replace-disks fails halfway, or before that; later the primary is lost.
func (t *teller) halfCopy() {
	i := t.mirrored("drbd")
	t.say("fail INSTANCE_REPLACE_DISKS %s exec%s\ntry admin INSTANCE_REPLACE_DISKS %s\nquiet", i.name, t.pick(" late", " late", " exec", ""), i.name)
	name := i.name
	if t.one(3) {
		t.say("wait 6h\narchive")
	}
	if t.one(3) {
		name = "x" + name
		t.say("try rename %s %s", i.name, name)
	}
	if t.one(3) {
		t.say("try stop %s", name)
	}
	t.say("%s %s\npass", t.pick("offline", "offline", "drain"), i.primary)
	t.rest()
	t.say("pass")
	t.rest()
}

// lostMigration: a migration does not end well.
func (t *teller) lostMigration() {
	i := t.hero()
	t.say("%s %s\ndrain %s\npass\nquiet", t.pick("lose INSTANCE_MIGRATE", "lose INSTANCE_MIGRATE"), i.name+t.pick(" moved", " moved", " transfer", " exec"), i.primary)
	switch t.Intn(4) {
	case 0, 1:
		t.say("offline %s", i.primary)
	case 2:
		t.say("online %s", i.primary)
	}
	t.say("pass")
	t.rest()
	t.say("pass")
	t.rest()
}

// strangers: tags name jobs of others, or none.
func (t *teller) strangers() {
	i, other := t.hero(), t.hero()
	t.say("%s INSTANCE_SHUTDOWN %s\nadmin INSTANCE_SHUTDOWN %s\nwait 2m", t.pick("hang", "lose", "lose"), other.name, other.name)
	t.say("try tag instance %s pending:failover:y:NOW:%s", i.name, t.pick("9001", "9001", "77777", "9003"))
	t.say("offline %s\npass\nwait 5m\npass\ncontinue", i.primary)
	t.rest()
	t.say("pass")
	t.rest()
}

// noSystem: a reinstallation fails, and a person acknowledges.
func (t *teller) noSystem() {
	i := t.mirrored("plain")
	t.say("fail %s %s exec\noffline %s %s\npass\nquiet\npass", t.pick("INSTANCE_REINSTALL", "INSTANCE_REINSTALL", "INSTANCE_RECREATE_DISKS"), i.name, i.primary, t.pick("", i.secondary))
	t.say("try untag instance %s result", i.name)
	switch t.Intn(3) {
	case 0:
		t.say("try tag instance %s pending:reinstall:z:NOW:", i.name)
	case 1:
		t.say("online %s\noffline %s", i.primary, t.nodes[t.Intn(len(t.nodes))])
	}
	t.say("pass")
	t.rest()
	t.say("pass")
	t.rest()
}

// staleCopy: replication is cut and an instance stops; its primary is drained.
func (t *teller) staleCopy() {
	i := t.mirrored("drbd")
	if i.secondary == "" {
		return
	}
	t.say("cut %s %s\nwait 1m\ntry %s %s", i.primary, i.secondary, t.pick("stop", "stop", "crash"), i.name)
	t.cuts = append(t.cuts, [2]string{i.primary, i.secondary})
	if t.one(3) {
		t.say("mend %s %s", i.primary, i.secondary)
	}
	t.say("drain %s\npass", i.primary)
	t.rest()
	t.say("pass")
	t.rest()
}

// locks: jobs of others have instances whose suspensions have ended, while results
// are to be written.
func (t *teller) locks() {
	i := t.hero()
	t.say("%s %s\npass\nquiet", t.pick("offline", "drain"), i.primary)
	for k, held := range t.instances {
		if held != i && k < 3 {
			t.say("try tag instance %s suspend:NOW+5", held.name)
			t.say("hang INSTANCE_SHUTDOWN %s\ntry admin INSTANCE_SHUTDOWN %s", held.name, held.name)
		}
	}
	// More of them, so that the tag jobs that wait fill the queue.
	for k := 0; k < 6; k++ {
		name := fmt.Sprintf("a%d", k) // before the others, in the order of tag jobs
		t.say("try create %s n1 suspend:NOW+5", name)
		t.say("hang INSTANCE_SHUTDOWN %s\ntry admin INSTANCE_SHUTDOWN %s", name, name)
	}
	t.say("wait 1m\npass\nwait 5m\npass\ncontinue")
	t.rest()
	t.say("pass")
	t.rest()
}

// withdrawn: the policy is withdrawn while a repair waits for room.
func (t *teller) withdrawn() {
	i := t.hero()
	t.say("try instance %s mem=3000\noffline %s", i.name, i.primary)
	for _, n := range t.nodes {
		t.say("node %s mem=1000", n)
	}
	t.say("pass\nquiet")
	if t.one(2) {
		t.say("try untag cluster reinstall\ntry untag cluster failover")
	}
	if t.one(3) {
		t.say("passes 55 5m")
	}
	t.say("wait 2h\npass")
	for _, n := range t.nodes {
		t.say("node %s mem=9000", n)
	}
	t.say("wait 1h\npass")
	t.rest()
	t.say("pass")
	t.rest()
}

// copying: long copies are under way when another node dies.
func (t *teller) copying() {
	for _, i := range t.instances {
		if i.secondary != "" {
			t.say("hang INSTANCE_REPLACE_DISKS %s%s\noffline %s\npass\nwait 10m", i.name, t.pick("", " late"), i.secondary)
			break
		}
	}
	t.say("offline %s\npass\nwait 10m\npass\ncontinue", t.hero().primary)
	t.rest()
	t.say("pass")
	t.rest()
}

// nodeJobs: somebody's job changes a node whose instances wait.
func (t *teller) nodeJobs() {
	i := t.hero()
	t.say("offline %s\nhang NODE_SET_PARAMS %s\ntry admin NODE_SET_PARAMS %s vm_capable=yes\nwait 1m\npass", i.primary, i.primary, i.primary)
	t.say("%s %s\ncontinue", t.pick("online", "online", "offline"), i.primary)
	t.rest()
	t.say("pass")
	t.rest()
}

// enoperm: it is told that a permission is too weak, and later nothing is needed.
func (t *teller) enoperm() {
	i := t.hero()
	t.say("try tag instance %s %s\n%s %s\npass\nquiet", i.name, t.pick("fix-storage", "fix_storage", "migrate"), t.pick("offline", "drain"), i.primary)
	t.say("online %s\ntry start %s\npass", i.primary, i.name)
	t.rest()
	t.say("pass")
	t.rest()
}
