package main

import "testing"

// edges is a cluster with a node group of one node, one of two, and one that is suspended and
// has but one node that could take anything.
const edges = `
	cluster c tags=ganeti:watcher:autorepair:reinstall
	group one
	group two
	group three tags=ganeti:watcher:autorepair:suspend
	node node1 mem=8192 disk=100000 master group=one
	node t1 mem=8192 disk=100000 group=two
	node t2 mem=8192 disk=100000 group=two
	node h1 mem=8192 disk=100000 group=three
	node h2 mem=8192 disk=100000 group=three drained
	node h3 mem=8192 disk=100000 group=three not-vm-capable
	node h4 mem=8192 disk=100000 group=three not-vm-capable drained
	instance a template=drbd nodes=t1,t2 mem=512
	instance a2 template=plain nodes=t1 mem=512
	instance a3 template=plain nodes=t2 state=offline mem=512
	instance a4 template=diskless nodes=t2 mem=512
	instance b template=rbd nodes=h1 mem=512
	instance c template=rbd nodes=h2 mem=512
	instance p template=plain nodes=node1 mem=512
	instance f template=file nodes=node1 state=down mem=512
	instance r template=rbd nodes=node1 mem=512 forthcoming
`

// N3: what nobody else could take, what is only reserved, what is marked offline or suspended.
func TestRehearseEdges(t *testing.T) {
	b := newBed(t, edges)
	b.prints(`Node  Inst DataLost Down NoRoom Blocked NoRepair Restart OneCopy
t1       2        1    -      -       -        -       1       1
node1    2        -    1      2       -        -       -       -
h1       1        -    1      -       1        -       -       -
h2       1        -    1      -       1        -       -       -
t2       3        -    -      1       -        1       1       1
t1:
  a2: reinstalled, data lost
  a: restarted, one copy left: node group two has no other node that could take it
node1:
  p: no-room, stays down: node group one has no other node that could take it
  f: no-room: node group one has no other node that could take it
h1:
  b: blocked, stays down: suspended by group three
h2:
  c: blocked, stays down: suspended by group three
t2:
  a: no-room, one copy left: node group two has no other node that could take it
  a3: no-repair: an instance marked offline cannot be reinstalled: gnt-instance modify --online a3
  a4: restarted
4 of 5 nodes may not die: t1, node1, h1, h2.
node1 is the master: nothing is repaired before another node has the role (gnt-cluster master-failover, on that node).
`, "rehearse", "-v")
	b.prints(`Node Inst Stays NoRoom NoRepair Moved OneCopy
t2      3     2      1        1     1       1
t2:
  a: no-room, one copy left: node group two has no other node that could take it
  a3: no-repair: its data is safe on the drained node; move it with downtime: gnt-instance move -n t1 a3
  a4: moved
t2 would not get empty.
`, "rehearse", "-v", "--drained", "t2")
	b.prints("h3 has no instances.\n", "rehearse", "h3")
}

// N1: the states of the same nodes: one that can have no instance is empty once it is drained,
// and a reservation is none.
func TestNodesAtTheEdges(t *testing.T) {
	b := newBed(t, edges)
	b.prints("h1:ok:1:0\nh2:stuck:1:0\nh3:ok:0:0\nh4:empty:0:0\nnode1:ok:2:0\nt1:ok:2:0\nt2:ok:2:1\n",
		"nodes", "--all", "--no-headers", "--separator=:", "-o", "node,state,primaries,secondaries")
	b.want(1, 2, "hint: gnt-cluster master-failover\n", "nodes", "--wait", "node1")
}
