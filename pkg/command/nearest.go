package command

import (
	"cmp"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// DidYouMean asks for the nearest name, or else says something else.
func DidYouMean(word string, names []string, otherwise string) string {
	return cmp.Or(nearest.Question(word, names), otherwise)
}
