package report

import "github.com/perpetual-ci/perpetual/pkg/resumption"

// Resumed is the result of resume with --output json.
type Resumed struct {
	Name     string       `json:"name"`     // "ci"
	Found    bool         `json:"found"`    // something was paused by a quiet upgrade
	Unpaused []string     `json:"unpaused"` // "main/app"
	Left     []LeftPaused `json:"left"`     // what stays paused because people want it so
}

// LeftPaused is a pipeline that stays paused.
type LeftPaused struct {
	Pipeline string `json:"pipeline"` // "main/lib"
	Reason   string `json:"reason"`   // "paused by ada since"
}

// NewResumed is the result of a resumption.
func NewResumed(name string, r resumption.Resumed) Resumed {
	result := Resumed{Name: name, Found: r.Found, Unpaused: append([]string{}, r.Unpaused...), Left: []LeftPaused{}}
	for _, l := range r.Left {
		result.Left = append(result.Left, LeftPaused(l))
	}
	return result
}
