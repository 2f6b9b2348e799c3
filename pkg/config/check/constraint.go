package check

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/version"
)

// bound is a version within a constraint: ">=8.1.2-rc.1" has 8.1.2-rc.1.
var bound = regexp.MustCompile(`(\d+(?:\.\d+)*)(-[0-9A-Za-z.-]+)?`)

// satisfiable says whether any version meets a constraint. What a constraint admits
// are ranges that begin and end at the versions in it, or at a successor of one: if
// none of these, and nothing just below or above them, is admitted, nothing is.
func satisfiable(c *version.Constraint, text string) bool {
	candidates := []string{"0.0.0", "999999.0.0"}
	for _, m := range bound.FindAllStringSubmatch(text, -1) {
		candidates = append(candidates, m[1]+m[2])
		numbers := strings.Split(m[1], ".")
		for len(numbers) < 4 {
			numbers = append(numbers, "0")
		}
		for i, text := range numbers {
			n, _ := strconv.Atoi(text)
			before := strings.Join(numbers[:i], ".")
			if i > 0 {
				before += "."
			}
			rest := len(numbers) - i - 1
			candidates = append(candidates, before+strconv.Itoa(n+1)+strings.Repeat(".0", rest), before+strconv.Itoa(n)+strings.Repeat(".0", rest))
			if n > 0 {
				candidates = append(candidates, before+strconv.Itoa(n-1)+strings.Repeat(".999999", rest))
			}
		}
	}
	for _, text := range candidates {
		if v, err := version.Parse(text); err == nil && c.Allows(v) {
			return true
		}
	}
	return false
}
