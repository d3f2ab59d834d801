package scenario

import (
	"fmt"
	"math/rand"
)

// Broken makes a scenario of random stories about instances on good nodes: disks that are
// lost or come back, lines that are cut, copies that diverge, volume groups that go, and
// starts that fail, while ganeti-watcher runs every five minutes, nodes go offline and
// people act. In the end what broke stays broken, and nothing else is in the way. The same
// seed makes the same scenario.
func Broken(seed int64) *Scenario {
	b := &breaker{teller: &teller{dice: &dice{rand.New(rand.NewSource(seed))}}}
	b.say("Broken %d\ndemands: D3\nends: -\n-- cluster --", seed)
	b.world()
	b.say("-- events --")
	b.settings()
	b.say("runs 2 5m")
	for n := 1 + b.Intn(3); n > 0; n-- {
		breaks[b.Intn(len(breaks))](b)
		if b.one(3) {
			b.person(b.say, append([]string{"n1"}, b.nodes...), b.names())
		}
		if b.one(4) {
			b.trouble(b.say, b.names())
		}
		b.runs(1, 8)
	}
	b.say("calm\nclock 0s\nqueue undrain\ncontinue")
	for _, p := range b.cuts {
		b.say("mend %s %s", p[0], p[1])
	}
	b.say("quiet\nruns 6 5m\nplenty\nruns 4 15m\nsettle\nrepair\n-- log --")
	s, err := Parse(b.text.String())
	if err != nil {
		panic("scenario: " + err.Error())
	}
	return s
}

// breaker makes up a scenario about good nodes.
type breaker struct{ *teller }

// world makes up a cluster, of drbd instances for the most part.
func (b *breaker) world() {
	b.say("cluster c tags=%s", b.pick("reinstall", "reinstall", "failover", "failover", "migrate", "fix-storage", "fix-storage"))
	groups := 1 + b.Intn(4)/3
	for g := 0; g < groups; g++ {
		b.say("group g%d%s", g, b.pick("", "", "", " tags=failover", " tags=fix-storage"))
	}
	count := 4 + b.Intn(3)
	for n := 1; n <= count; n++ {
		b.say("node n%d group=g%d%s", n, n%groups, b.pick("", "", "", " mem=700"))
		if n > 1 {
			b.nodes = append(b.nodes, fmt.Sprintf("n%d", n))
		}
	}
	for k := 2 + b.Intn(5); k > 0; k-- {
		i := hero{name: fmt.Sprintf("i%d", k), template: b.pick("drbd", "drbd", "drbd", "drbd", "drbd", "rbd", "plain")}
		at := b.Intn(2) // few nodes have many instances
		i.primary = b.nodes[at]
		on := i.primary
		if i.template == "drbd" {
			i.secondary = b.nodes[(at+1+b.Intn(2))%len(b.nodes)]
			on += "," + i.secondary
		}
		b.say("instance %s template=%s nodes=%s state=%s mem=128%s%s", i.name, i.template, on, b.pick("up", "up", "up", "up", "down"), b.pick("", "", "", "", "", " disks-inactive"),
			b.pick("", "", "", "", "", " tags=suspend:NOW+1500", " tags=pending:fix-storage:x:NOW-5:", " tags=pending:failover:y:NOW-5:"))
		b.instances = append(b.instances, i)
	}
}

func (b *breaker) settings() {
	b.say("settings max_unhealthy_nodes=100 disks=%s relocate=%s", b.pick("repair", "repair", "repair", "repair", "repair", "report"), b.pick("repair", "repair", "report"))
	if b.one(3) {
		b.say("settings max_running=1 max_copying=1")
	}
	if b.one(3) {
		b.say("settings max_attempts=%d", 1+b.Intn(2))
	}
	if b.one(2) {
		b.say("settings repeat_after=%s", b.pick("1m", "30m", "2h"))
	}
	if b.one(3) {
		b.say("settings restart_tries=%d max_relocations=%d", 1+b.Intn(3), b.Intn(3))
	}
	if b.one(4) {
		b.say("settings disk_grace=%s", b.pick("5m", "40m"))
	}
}

// runs lets ganeti-watcher run so many times, between the two numbers.
func (b *breaker) runs(least, most int) {
	b.say("runs %d %s", least+b.Intn(most-least+1), b.pick("5m", "5m", "5m", "5m", "10m", "40m"))
}

// side is a node of the instance, the secondary more often.
func (b *breaker) side(i hero) string {
	if i.secondary == "" || b.one(3) {
		return i.primary
	}
	return i.secondary
}

// lose has the instance lose its disk on the node, or its volumes.
func (b *breaker) lose(i hero, node string) {
	b.say("try %s %s %s", b.pick("lose-disk", "lose-volumes", "lose-volumes"), i.name, node)
}

// breaks are the stories.
var breaks = []func(*breaker){
	(*breaker).lost, (*breaker).lost, (*breaker).lost, (*breaker).both, (*breaker).comesBack, (*breaker).diverges, (*breaker).volumeGroup, (*breaker).notStarting, (*breaker).notStarting,
	(*breaker).thenNode, (*breaker).waits, (*breaker).waits, (*breaker).newCopy, (*breaker).copyFails, (*breaker).byPerson, (*breaker).manyDown, (*breaker).reboot, (*breaker).watcherAway,
}

// lost: a disk is lost.
func (b *breaker) lost() {
	i := b.mirrored("drbd")
	b.lose(i, b.side(i))
	b.runs(2, 9)
}

// both: both nodes lose a disk, one after the other.
func (b *breaker) both() {
	i := b.mirrored("drbd")
	nodes := []string{i.primary, i.secondary}
	if i.secondary == "" || b.one(2) {
		nodes = []string{b.side(i), i.primary}
	}
	b.lose(i, nodes[0])
	b.runs(1, 5)
	b.lose(i, nodes[1])
	b.runs(1, 4)
}

// comesBack: a disk is lost, and back again some time later.
func (b *breaker) comesBack() {
	i := b.mirrored("drbd")
	node := b.side(i)
	b.say("try lose-disk %s %s", i.name, node)
	b.runs(1, 6)
	b.say("try mend-disk %s %s", i.name, node)
	b.runs(1, 3)
}

// diverges: the line is cut, the copies diverge, and perhaps the line is back.
func (b *breaker) diverges() {
	i := b.mirrored("drbd")
	if i.secondary == "" {
		return
	}
	if b.one(3) {
		b.lose(i, b.side(i))
		b.runs(1, 4)
	}
	b.say("cut %s %s", i.primary, i.secondary)
	b.cuts = append(b.cuts, [2]string{i.primary, i.secondary})
	switch b.Intn(4) {
	case 0:
		b.say("try split %s", i.name)
	case 1:
		b.say("try split %s\nmend %s %s", i.name, i.primary, i.secondary)
	case 2:
		b.lose(i, b.side(i))
	}
	b.runs(1, 8)
}

// volumeGroup: the volume group of a node goes with all that is in it.
func (b *breaker) volumeGroup() {
	node := b.nodes[b.Intn(3)]
	for _, i := range b.instances {
		if i.primary == node || i.secondary == node {
			b.say("try lose-volumes %s %s", i.name, node)
		}
	}
	b.runs(2, 7)
	if b.one(2) {
		b.say("%s %s%s", b.pick("drain", "drain", "offline"), node, "")
		b.runs(1, 5)
	}
}

// notStarting: an instance stops and does not start where it is.
func (b *breaker) notStarting() {
	i := b.hero()
	b.say("try crash %s\nfail INSTANCE_STARTUP %s %s %s", i.name, i.name, b.pick("exec", "exec", "exec", "wrong_state", "insufficient_resources"), b.pick("always", "5 times", "5 times", "6 times"))
	if b.one(4) {
		b.say("fail INSTANCE_FAILOVER %s exec%s", i.name, b.pick("", " late"))
	}
	if b.one(4) {
		b.lose(i, b.side(i))
	}
	b.runs(5, 9)
}

// thenNode: a disk is lost, and then a node.
func (b *breaker) thenNode() {
	i := b.mirrored("drbd")
	b.lose(i, b.side(i))
	b.runs(1, 5)
	b.say("%s %s%s", b.pick("offline", "offline", "drain"), b.pick(i.primary, i.primary, b.side(i)), b.pick("", "", " lives"))
	b.runs(1, 5)
	if b.one(2) {
		b.say("online %s", i.primary)
	}
}

// waits: a repair waits behind somebody's job, or stands still, while the disks change.
func (b *breaker) waits() {
	i, other := b.mirrored("drbd"), b.hero()
	b.lose(i, b.side(i))
	b.runs(2, 3)
	if b.one(2) {
		b.say("hang INSTANCE_REPLACE_DISKS %s%s", i.name, b.pick("", " late"))
	} else {
		b.say("hang INSTANCE_FAILOVER %s\ntry admin INSTANCE_FAILOVER %s", other.name, other.name)
	}
	b.runs(2, 4)
	switch b.Intn(6) {
	case 0:
		b.say("try mend-disk %s %s", i.name, b.side(i))
	case 1:
		b.lose(i, i.primary)
	case 2:
		if i.secondary != "" {
			b.say("cut %s %s\ntry split %s", i.primary, i.secondary, i.name)
			b.cuts = append(b.cuts, [2]string{i.primary, i.secondary})
		}
	case 3:
		b.say("%s %s", b.pick("drain", "offline"), b.side(i))
	case 4:
		b.say("settings disks=report")
	case 5:
		b.say("try untag cluster fix-storage\ntry untag cluster reinstall")
	}
	if b.one(2) {
		b.say("wait %s\npass", b.pick("5m", "20m", "2h"))
	}
	b.say("calm") // or no verification would tell of what is lost later
	b.runs(1, 4)
	b.say("settings disks=repair")
}

// newCopy: the copy that was made anew is lost as well.
func (b *breaker) newCopy() {
	i := b.mirrored("drbd")
	b.lose(i, b.side(i))
	b.runs(6, 9)
	b.say("try lose-volumes %s %s", i.name, b.nodes[b.Intn(len(b.nodes))])
	b.runs(3, 8)
	if b.one(3) {
		b.say(b.pick("purge", "archive", "wait 24h"))
	}
}

// copyFails: a copy cannot be made.
func (b *breaker) copyFails() {
	i := b.mirrored("drbd")
	b.say("fail INSTANCE_REPLACE_DISKS %s %s%s", i.name, b.pick("exec", "exec late", "exec exec", "insufficient_resources", "wrong_state"), b.pick("", " 2 times", " always"))
	b.lose(i, b.side(i))
	b.runs(4, 9)
}

// byPerson: a person asks for a repair, or does it.
func (b *breaker) byPerson() {
	i := b.mirrored("drbd")
	b.lose(i, b.side(i))
	b.runs(1, 5)
	switch b.Intn(5) {
	case 0, 1:
		b.say("try tag instance %s pending:%s:hand%d:NOW:", i.name, b.pick("fix-storage", "fix-storage", "failover"), b.Intn(9))
	case 2:
		b.say("try admin INSTANCE_REPLACE_DISKS %s", i.name)
	case 3:
		b.say("try admin INSTANCE_REPLACE_DISKS %s mode=%s", i.name, b.pick("replace_on_primary", "replace_on_secondary", "replace_auto"))
	case 4:
		b.say("try admin %s %s", b.pick("INSTANCE_FAILOVER", "INSTANCE_ACTIVATE_DISKS", "INSTANCE_SHUTDOWN"), i.name)
	}
	b.runs(1, 6)
}

// manyDown: several instances do not start, as after a fault of all nodes.
func (b *breaker) manyDown() {
	for _, i := range b.instances {
		b.say("try crash %s\nfail INSTANCE_STARTUP %s exec 6 times", i.name, i.name)
	}
	b.runs(5, 8)
}

// reboot: a node is away for a while, marked or not.
func (b *breaker) reboot() {
	node := b.nodes[b.Intn(2)]
	b.say("%s %s", b.pick("die", "die", "offline"), node)
	b.runs(1, 4)
	b.say("revive %s\nonline %s", node, node)
	b.runs(1, 4)
}

// watcherAway: a disk is lost, and ganeti-watcher does not run for a while, the program
// does.
func (b *breaker) watcherAway() {
	i := b.mirrored("drbd")
	b.lose(i, b.side(i))
	b.runs(3, 5)
	b.say("passes %d %s", 2+b.Intn(8), b.pick("5m", "15m"))
	if b.one(2) {
		b.say("try mend-disk %s %s", i.name, b.side(i))
		b.say("passes %d 5m", 1+b.Intn(4))
	}
}
