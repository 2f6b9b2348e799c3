package compatibility

import (
	"cmp"
	"fmt"
	"strings"
)

// level is a worker version.
type level struct {
	major, minor uint64
	known        bool
}

// readLevel reads "2.5"; what is not a version is not known.
func readLevel(text string) level {
	v := parse(text)
	if v == nil {
		return level{}
	}
	return level{v.Major(), v.Minor(), true}
}

// String implements fmt.Stringer.
func (l level) String() string {
	if !l.known {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d", l.major, l.minor)
}

func (l level) compare(o level) int {
	return cmp.Or(cmp.Compare(l.major, o.major), cmp.Compare(l.minor, o.minor))
}

// takes says whether a web of this worker version gives steps to a worker of another:
// one of the same major and of no lower minor, as Concourse's atc/worker compares them.
func (l level) takes(worker level) bool {
	return l.known && worker.known && l.major == worker.major && worker.minor >= l.minor
}

// networked is the worker version from which on a worker with the containerd runtime
// drops the traffic of every container for which the web has not asked for network:
// hermetic tasks, Concourse 7.10 (concourse#8713). Webs before it never ask.
var networked = level{2, 5, true}

// cutOff says whether containers have no network on a worker that takes steps from a
// web of this worker version. Gets, puts and checks hang in them.
func (l level) cutOff(worker level) bool {
	return l.takes(worker) && l.compare(networked) < 0 && worker.compare(networked) >= 0
}

// serves says whether builds work under a web of this worker version on a worker of
// another.
func (l level) serves(worker level) bool { return l.takes(worker) && !l.cutOff(worker) }

// join lists levels: "2.4 and 2.5".
func join(list []level) string {
	texts := make([]string, len(list))
	for i, l := range list {
		texts[i] = l.String()
	}
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " and " + texts[len(texts)-1]
}
