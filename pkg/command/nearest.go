package command

import (
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// DidYouMean asks for the nearest name, or else says something else.
func DidYouMean(word string, names []string, otherwise string) string {
	if best := nearest.Name(word, names); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return otherwise
}
