// Package nearest finds what somebody meant who has misspelt a name.
package nearest

import (
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
