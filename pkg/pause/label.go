package pause

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// label names a pipeline to people as fly does, with its team: main/app, or
// main/app/branch:main for an instance of it.
func label(team string, p concourse.Pipeline) string { return team + "/" + p.String() }

// title names a build to people: main/app/deploy #12.
func title(b concourse.Build) string {
	if b.Pipeline == "" {
		return fmt.Sprintf("%s/one-off build %d", b.Team, b.ID)
	}
	text := label(b.Team, concourse.Pipeline{Name: b.Pipeline, InstanceVars: b.InstanceVars}) + "/" + b.Job
	if b.Name != "" {
		text += " #" + b.Name
	}
	return text
}

// titles names builds, but not too many of them.
func titles(builds []concourse.Build) string {
	var list []string
	for _, b := range builds {
		list = append(list, title(b))
	}
	return some(list)
}

// some joins a list that may be long.
func some(list []string) string {
	if len(list) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
}

// counted is "1 build" or "2 builds".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
