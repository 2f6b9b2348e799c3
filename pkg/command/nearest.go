package command

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest is the name that word is most likely a slip of, "" for none.
func Nearest(word string, names []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(name)); d < distance && d < len(word) {
			best, distance = name, d
		}
	}
	return best
}

// DidYouMean asks for the nearest name, or else says something else.
func DidYouMean(word string, names []string, otherwise string) string {
	if best := Nearest(word, names); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return otherwise
}
