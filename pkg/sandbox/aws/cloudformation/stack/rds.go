package stack

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// upgrade changes the engine of a database as RDS does: never back, to another major
// only when that is allowed, and then with a snapshot before it where backups are on. It
// gives the reason for which RDS refuses, in its words.
func (s *Engine) upgrade(there *resource.Live, properties map[string]any) (refusal string) {
	before, after := engineOf(there.Properties), engineOf(properties)
	is, wanted := major(before), major(after)
	switch {
	case wanted < is:
		return fmt.Sprintf("Cannot upgrade postgres from %s to %s (Service: Rds, Status Code: 400)", before, after)
	case wanted == is:
		return ""
	case fmt.Sprint(properties["AllowMajorVersionUpgrade"]) != "true":
		return "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version. (Service: Rds, Status Code: 400)"
	}
	if days := fmt.Sprint(there.Properties["BackupRetentionPeriod"]); days != "0" && days != "<nil>" {
		s.Snapshots = append(s.Snapshots, fmt.Sprintf("preupgrade-%s-%d-to-%d", there.PhysicalID, is, wanted))
	}
	return ""
}

// engineOf is the version of a database's engine.
func engineOf(properties map[string]any) string { return fmt.Sprint(properties["EngineVersion"]) }

// major is the number before the first dot; 0 for none.
func major(version string) int {
	text, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(text)
	return n
}
