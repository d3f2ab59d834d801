package repair

import "strings"

// exclusionPrefix is how those tags of the cluster begin that name exclusion tags
// (exTagsPrefix in src/Ganeti/HTools/Tags/Constants.hs).
const exclusionPrefix = "htools:iextags:"

// ExclusionPrefixes returns what the exclusion tags of instances begin with, from the
// tags of the cluster. Ganeti's allocators put no two instances that have the same
// exclusion tag on one primary node.
func ExclusionPrefixes(clusterTags []string) []string {
	var list []string
	for _, tag := range clusterTags {
		if p := strings.TrimPrefix(tag, exclusionPrefix); p != tag && p != "" {
			list = append(list, p)
		}
	}
	return list
}

// ExclusionTags returns those of an instance's tags that begin with one of the
// prefixes (updateExclTags in src/Ganeti/HTools/Loader.hs).
func ExclusionTags(prefixes, instanceTags []string) []string {
	var list []string
	for _, tag := range instanceTags {
		for _, p := range prefixes {
			if strings.HasPrefix(tag, p) {
				list = append(list, tag)
				break
			}
		}
	}
	return list
}
