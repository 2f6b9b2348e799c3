// Package nearest finds what somebody meant who has misspelt a name.
package nearest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Name is the name that word is most likely a slip of, "" for none. Small and capital
// letters are the same to it. Of names that are equally near it is the first.
func Name(word string, names []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(name)); d < distance && d < len(word) {
			best, distance = name, d
		}
	}
	return best
}

// Question asks for the name that word is most likely a slip of, "did you mean deploy?";
// it is "" for none.
func Question(word string, names []string) string {
	if best := Name(word, names); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return ""
}

// Names are the count names that are spelt most like word, however unlike that is. Of
// names that are equally near it is the first of the alphabet.
func Names(word string, names []string, count int) []string {
	names = slices.Clone(names)
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(levenshtein.ComputeDistance(word, x), levenshtein.ComputeDistance(word, y)), strings.Compare(x, y))
	})
	return names[:min(count, len(names))]
}
