package luxitest

import "sort"

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func clone(s []string) []string { return append([]string(nil), s...) }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func with(list []string, s string) []string {
	if contains(list, s) {
		return list
	}
	return append(clone(list), s)
}

func without(list []string, s string) []string {
	var rest []string
	for _, x := range list {
		if x != s {
			rest = append(rest, x)
		}
	}
	return rest
}

// common returns the elements of a that b has as well.
func common(a, b []string) []string {
	var both []string
	for _, x := range a {
		if contains(b, x) {
			both = append(both, x)
		}
	}
	return both
}

func sortedCopy(list []string) []string {
	s := clone(list)
	sort.Strings(s)
	return s
}
