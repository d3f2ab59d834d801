package integration_test

// The values of each dimension, and the products of them that are gone through.

var (
	allTypes     = []string{"fix-storage", "migrate", "failover", "reinstall"}
	allTemplates = []string{"plain", "file", "diskless", "sharedfile", "rbd", "ext", "blockdev", "gluster", "mixed", "unheard"}
)

// allPlaces: every template on every condition of its nodes.
func allPlaces() []place {
	var list []place
	for _, primary := range []string{"ok", "drained", "offline", "both", "unknown"} {
		for _, secondary := range []string{"ok", "drained", "offline", "both", "incapable", "far", "unknown", ""} {
			list = append(list, place{template: "drbd", primary: primary, secondary: secondary})
		}
		for _, template := range allTemplates {
			list = append(list, place{template: template, primary: primary})
		}
	}
	return list
}

// onePerRow: one place for each row of the table of repairs, and for each way
// of not being repairable; the rest of a row's places decide alike, which the
// products over all places show.
var onePerRow = []place{
	{template: "drbd", primary: "ok", secondary: "ok"},
	{template: "drbd", primary: "ok", secondary: "offline"},
	{template: "drbd", primary: "drained", secondary: "ok"},
	{template: "drbd", primary: "drained", secondary: "offline"},
	{template: "drbd", primary: "offline", secondary: "ok"},
	{template: "drbd", primary: "offline", secondary: "incapable"},
	{template: "drbd", primary: "offline", secondary: "offline"},
	{template: "drbd", primary: "offline", secondary: "drained"},
	{template: "rbd", primary: "drained"},
	{template: "sharedfile", primary: "offline"},
	{template: "plain", primary: "offline"},
	{template: "plain", primary: "drained"},
	{template: "mixed", primary: "offline"},
	{template: "plain", primary: "unknown"},
}

// Admin state and live status. Where a test is not about them, pairs that agree
// and the most telling ones that do not.
type pair struct{ admin, live string }

func allPairs() []pair {
	var list []pair
	for _, admin := range []string{"up", "down", "offline"} {
		for _, live := range []string{"", "running", "ADMIN_down", "ADMIN_offline", "ERROR_down", "ERROR_up", "USER_down", "ERROR_nodedown"} {
			list = append(list, pair{admin, live})
		}
	}
	return list
}

var (
	fewPairs = []pair{{"up", "running"}, {"down", "ADMIN_down"}, {"offline", "ADMIN_offline"}, {"up", "ERROR_down"}, {"down", "ERROR_up"}, {"up", ""}}
	twoPairs = []pair{{"up", "running"}, {"down", "ADMIN_down"}}
)

type policy [3][]string

// allPolicies: none, each type on each object, and objects that disagree.
func allPolicies() []policy {
	list := []policy{{}}
	for _, typ := range allTypes {
		list = append(list, policy{0: {typ}}, policy{1: {typ}}, policy{2: {typ}})
	}
	return append(list,
		policy{0: {"failover"}, 2: {"fix-storage", "reinstall"}}, // the design's example, I1
		policy{2: {"fix-storage", "reinstall"}},                  // and I2
		policy{0: {"reinstall", "migrate"}, 1: {"reinstall"}},
		policy{0: {"fix-storage"}, 1: {"failover"}, 2: {"reinstall"}},
		policy{1: {"migrate"}, 2: {"reinstall"}},
		policy{0: {"reinstal", "failover:"}, 2: {"failover"}}, // unreadable types permit nothing
		policy{0: {"none"}},
		policy{0: {"Failover", "reinstall"}},
		policy{1: {"fix_storage"}, 2: {"reinstall"}},
		policy{0: {"failover"}, 1: {"none"}, 2: {"failovr"}},
	)
}

var fewPolicies = []policy{{}, {2: {"fix-storage"}}, {1: {"migrate"}}, {2: {"failover"}}, {0: {"reinstall"}}}

// allHushes: each suspension on each object, and several together.
func allHushes() []policy {
	var list []policy
	for _, word := range []string{"expired", "just over", "long over", "future", "far future", "forever", "colon", "unreadable"} {
		list = append(list, policy{0: {word}}, policy{1: {word}}, policy{2: {word}})
	}
	return append(list,
		policy{0: {"expired", "long over"}, 1: {"just over"}, 2: {"expired"}},
		policy{0: {"expired", "future"}},
		policy{1: {"future", "forever"}},
		policy{0: {"expired"}, 2: {"forever"}},
		policy{1: {"expired", "unreadable"}},
	)
}

// Results alone: what is there when no repair is open.
func onlyResults() []*recordSet {
	list := []*recordSet{
		recorded(),
		recorded(result("failover", "a", 100, "success")),
		recorded(result("failover", "a", 100, "failure")),
		recorded(result("failover", "a", 100, "success"), result("migrate", "b", 90, "success"), result("migrate", "c", 110, "enoperm")),
		recorded(result("failover", "a", 100, "enoperm"), result("migrate", "b", 110, "success"), result("reinstall", "c", 120, "enoperm")),
	}
	for _, typ := range allTypes {
		list = append(list, recorded(result(typ, "a", 100, "enoperm")))
	}
	return list
}

// histories are what can have come of the jobs of a repair: each end of each
// step's job, and series of them.
func histories() []string {
	list := []string{""}
	for _, step := range []string{stepRD, stepM, stepF, stepChain} {
		for _, fate := range []string{"running", "waiting", "success", "failed", "refused", "no room", "target drained", "canceled", "expired", "purged"} {
			list = append(list, step+" "+fate)
		}
	}
	return append(list,
		"F queued", "M waiting", "RD canceling", "RD no room now", "CHAIN no room now", "F no answer", "F never heard of",
		"alien failed", "alien success", "alien canceled",
		"CHAIN failed later", "CHAIN refused later", "CHAIN canceled later",
		"F success, RD no room", "F success, RD failed", "F success, RD expired", "M success, RD success", "M success, RD running",
		"RD success, M failed", "F failed, F success", "F failed, F expired", "F failed, F no room", "F failed, F purged",
		"F purged, F success", "F canceled, F running", "CHAIN failed later, CHAIN expired", "CHAIN no room, CHAIN failed",
		"RD no room, RD no room, RD no room, RD no room", "F success, RD failed, RD canceled",
		"F success, RD purged", "M success, RD purged, RD no room", "RD elsewhere", "RD copied", "RD failed, RD copied",
		"M old no room", "F failed, F old no room", "RD failed, RD refused", "F success, F refused", "RD refused, RD canceled",
		"stranger failed", "stranger running", "F failed, stranger success", "F success, stranger failed", "F above", "RD failed, RD above",
	)
}

// series are histories for the bound on attempts.
var series = []string{
	"RD failed", "RD failed, RD failed", "RD failed, RD failed, RD failed", "RD failed, RD failed, RD failed, RD failed",
	"M failed, M failed, M failed", "F failed, F failed", "F failed, F failed, F failed", "F failed, F failed, F failed, F failed",
	"F failed, F no room, F failed, F expired, F failed", "F failed, F expired, F no room", "M refused, M no room now, M refused",
	"F success, RD failed, RD failed, RD failed", "RD failed, RD failed, M success, RD failed", "CHAIN refused, CHAIN refused, CHAIN refused",
	"CHAIN refused, CHAIN no room, CHAIN refused", "F no room, F no room, F no room, F no room",
	"F refused, F refused, F refused", "F refused, F refused anew, F refused", "F refused, F expired, F canceled, F refused, F refused",
	"M refused, F refused, F refused", "F refused, F refused, F failed, F refused", "RD refused, RD refused, RD refused, RD refused",
}

// shapes are records that stand beside each other.
func shapes() []*recordSet {
	byHand := pending("failover", "b", 200, "")
	weak := pending("fix-storage", "a", 100, "")
	strangers := pending("failover", "a", 100, "stranger failed, F above, stranger success")
	return []*recordSet{
		recorded(byHand),
		recorded(byHand, weak),
		recorded(pending("migrate", "b", 200, "M success"), pending("reinstall", "a", 300, "")),
		recorded(pending("migrate", "c", 100, ""), pending("failover", "b", 200, "F running"), pending("reinstall", "a", 300, "")),
		recorded(weak, pending("fix-storage", "b", 150, "RD no room"), pending("migrate", "c", 160, "")),
		// Left behind by a crash: two copies of one id, a repair beside its result.
		recorded(pending("failover", "a", 100, ""), record{kind: "pending", typ: "failover", id: "a", time: 100, jobs: history(500, "F no room")}),
		recorded(record{kind: "pending", typ: "reinstall", id: "a", time: 100, jobs: history(500, "F success, RD failed")},
			record{kind: "pending", typ: "reinstall", id: "a", time: 100, jobs: history(500, "F success")}),
		recorded(pending("reinstall", "a", 100, "F success"), record{kind: "pending", typ: "reinstall", id: "a", time: 100, jobs: history(1000, "F success, RD running")}),
		recorded(pending("reinstall", "a", 100, ""), record{kind: "pending", typ: "migrate", id: "a", time: 100}),
		recorded(pending("failover", "a", 100, "F success"), result("failover", "a", 190, "success")),
		recorded(pending("failover", "a", 100, "F running"), result("failover", "a", 190, "enoperm"), byHand),
		recorded(pending("failover", "a", 100, "F failed"), result("failover", "a", 190, "failure"), byHand),
		recorded(result("failover", "x", 50, "failure")),
		recorded(result("failover", "x", 50, "failure"), byHand, result("failover", "y", 40, "success"), result("migrate", "z", 30, "success")),
		recorded(byHand, result("failover", "x", 50, "success"), result("failover", "y", 60, "enoperm")),
		recorded(weak, result("failover", "x", 50, "enoperm"), result("migrate", "z", 40, "enoperm")),
		recorded(unreadable("pending:failover:x")),
		recorded(unreadable("pending:failover:x:soon:"), byHand),
		recorded(unreadable("result:failover:x:7:perhaps:"), byHand, result("failover", "y", 60, "success")),
		recorded(unreadable("result"), result("failover", "y", 60, "failure")),
		recorded(unreadable("reinstal"), unreadable("anything:at:all"), byHand), // blocks no request, permits nothing
		recorded(pending("failover", byPolicyID, 100, "")),
		recorded(pending("failover", byPolicyID, 100, "F no room, F refused"), byHand),
		recorded(strangers, pending("migrate", "b", 110, "M running")),
	}
}

// everySituation goes through the table. Dimensions are multiplied where the
// design lets them meet; where it says that one of them settles the matter
// alone, the others are thinned out to one value for each way they could show:
//
//   - where no repair is open: place x pair x policy in full, and then with
//     results, which matter only for telling once (S3) and tidying (T9);
//   - suspensions: with policies and records in full, since they meet (T3), but
//     one place for each row, since a suspension looks at none;
//   - one open repair: place x type x history in full. The pending tag is its
//     permission, so policy comes in where the repair ends and the instance is
//     looked at afresh (S9): with one place for each row;
//   - records beside each other, with jobs of others, on all places;
//   - what earlier jobs left behind, with records in full, as it may hold any step;
//   - who began a repair, with policies; jobs that a person canceled, on all places;
//   - the bounds: attempts and results kept, where failures and results are.
func everySituation(visit func(*situation)) {
	places, pairs, policies := allPlaces(), allPairs(), allPolicies()
	r := situation{maxAttempts: 3, kept: 1}
	each := func(places []place, pairs []pair, policies []policy, records []*recordSet) {
		for _, r.at = range places {
			for _, p := range pairs {
				r.admin, r.live = p.admin, p.live
				for _, r.policy = range policies {
					for _, r.records = range records {
						visit(&r)
					}
				}
			}
		}
	}
	results := onlyResults()
	each(places, pairs, policies, results[:1])
	each(places, fewPairs, fewPolicies, results[1:])
	each([]place{{template: "drbd", primary: "offline", secondary: "ok", unread: true}, {template: "plain", primary: "offline", coming: true}},
		twoPairs, policies, results)

	var once, strongest []*recordSet
	for _, h := range histories() {
		for _, typ := range allTypes {
			once = append(once, recorded(pending(typ, "a", 100, h)))
		}
		strongest = append(strongest, once[len(once)-1])
	}
	each(places, fewPairs[:4], fewPolicies[:1], once)
	each(onePerRow, fewPairs[:2], fewPolicies[1:], once)
	each(onePerRow[:1], pairs, fewPolicies[:1], once)

	beside := shapes()
	for _, r.busy = range []string{"", "by name", "by uuid", "tags", "other", "tags of group"} {
		on := onePerRow
		if r.busy == "" {
			on = places
		}
		each(on, twoPairs, []policy{{}, {1: {"migrate"}}, {2: {"reinstall"}}}, beside)
		each(on, twoPairs[:1], []policy{{2: {"reinstall"}}}, results)
	}
	r.busy = ""
	for _, r.hush = range allHushes() {
		each(onePerRow, twoPairs[:1], []policy{{}, {0: {"failover"}}, {1: {"reinstall"}}, {2: {"failover"}}}, beside)
		each(onePerRow, twoPairs[:1], fewPolicies[3:], once[:16])
	}
	r.hush = [3][]string{}

	// Where the group has no other nodes, and where a migration is a failover.
	var tight []place
	for _, at := range onePerRow {
		for _, more := range []place{{gone: 1}, {gone: 2}, {failsOver: true}} {
			if !more.failsOver || at.primary == "drained" {
				at.gone, at.failsOver = more.gone, more.failsOver
				tight = append(tight, at)
			}
		}
	}
	each(tight, fewPairs, fewPolicies, results[:1])
	each(tight, twoPairs[:1], fewPolicies[:1], once)
	// What earlier jobs of anybody's left behind.
	for _, r.past = range pastWords {
		each(places, fewPairs, fewPolicies[3:], results[:1])
		each(onePerRow, twoPairs, fewPolicies[4:], strongest)
		each(onePerRow[:1], twoPairs, fewPolicies, beside)
	}
	r.past = ""
	// Who began a repair (P22), and what waits after it was canceled (S13).
	var begun, canceled []*recordSet
	for _, id := range []string{byPolicyID, oldID} {
		for _, typ := range allTypes {
			for _, h := range []string{"", "F no room", "F no room, F expired", "CHAIN refused", "RD canceled", "M queued", "CHAIN waiting", "RD running", "F failed", "RD purged", "M success", "stranger success"} {
				begun = append(begun, recorded(pending(typ, id, 100, h)))
			}
		}
	}
	each(onePerRow, twoPairs, append(policies[len(policies)-4:], fewPolicies...), begun)
	r.hush = [3][]string{2: {"forever"}}
	each(onePerRow, twoPairs, []policy{{}, {0: {"reinstall"}}}, begun)
	r.hush = [3][]string{}
	for _, h := range []string{"RD canceled now", "M canceled now", "F canceled now", "CHAIN canceled now", "F failed, F canceled now", "F canceled now, F expired", "F canceled now, F no room"} {
		canceled = append(canceled, recorded(pending("reinstall", "a", 100, h)), recorded(pending("migrate", "a", 100, h)))
	}
	each(places, fewPairs[:1], fewPolicies, canceled)

	var bounds []*recordSet
	for _, h := range series {
		bounds = append(bounds, recorded(pending("reinstall", "a", 100, h)),
			recorded(pending("reinstall", "a", 100, h), result("failover", "x", 50, "success"), result("failover", "y", 40, "enoperm"), result("migrate", "z", 45, "success")))
	}
	bounds = append(bounds, results...)
	bounds = append(bounds, beside[14], beside[15])
	for r.maxAttempts = 1; r.maxAttempts <= 4; r.maxAttempts++ {
		for r.kept = 0; r.kept <= 3; r.kept++ {
			each(onePerRow, twoPairs, []policy{{2: {"migrate"}}, {2: {"reinstall"}}}, bounds)
		}
	}
}
