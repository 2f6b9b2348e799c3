package cloudformation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// engines is a database whose engine is changed, with something that may fail after it.
const engines = `
Parameters:
  Version: {Type: String, Default: "16"}
  Allow: {Type: String, Default: "true"}
  Days: {Type: Number, Default: 7}
  Range: {Type: String, Default: 10.0.0.0/16}
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    Properties: {EngineVersion: !Ref Version, AllowMajorVersionUpgrade: !Ref Allow, BackupRetentionPeriod: !Ref Days}
  Other:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: !Ref Range}
`

func TestServer_upgradesADatabaseAsRDSDoes(t *testing.T) {
	for _, c := range []struct {
		title     string
		given     []string
		late      bool // something else fails after it
		want      string
		reason    string
		snapshots int
	}{
		{"another major", []string{"Version=17"}, false, "UPDATE_COMPLETE 17", "", 1},
		{"without backups", []string{"Version=17", "Days=0"}, false, "UPDATE_COMPLETE 17", "", 1}, // they are on before it
		{"a minor", []string{"Version=16.4"}, false, "UPDATE_COMPLETE 16.4", "", 0},
		{"not allowed", []string{"Version=17", "Allow=false"}, false, "UPDATE_ROLLBACK_COMPLETE 16", "AllowMajorVersionUpgrade flag must be present", 0},
		{"back", []string{"Version=15"}, false, "UPDATE_ROLLBACK_COMPLETE 16", "Cannot upgrade postgres from 16 to 15", 0},
		{"no way back", []string{"Version=17", "Range=10.1.0.0/16"}, true, "UPDATE_ROLLBACK_FAILED 17", "Cannot upgrade postgres from 17 to 16", 1},
	} {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t)
			if refused := w.apply(t, "CREATE", engines); refused != "" {
				t.Fatal(refused)
			}
			if c.late {
				w.cloud.Fail(cloudformation.Failure{LogicalID: "Other", Reason: "no", Late: true})
			}
			if refused := w.apply(t, "UPDATE", engines, c.given...); refused != "" {
				t.Fatal(refused)
			}
			state := w.cloud.State()
			st := state.Stacks["s"]
			if got := fmt.Sprint(st.Status, " ", st.Resources["Database"].Properties["EngineVersion"]); got != c.want || len(state.Snapshots) != c.snapshots {
				t.Errorf("it ends as %s with %q, want %s with %d snapshots", got, state.Snapshots, c.want, c.snapshots)
			}
			said := slices.ContainsFunc(st.Events, func(e cloudformation.Event) bool {
				return e.Status == "UPDATE_FAILED" && c.reason != "" && strings.Contains(e.Reason, c.reason)
			})
			if said != (c.reason != "") {
				t.Errorf("no event says %q: %+v", c.reason, st.Events)
			}
		})
	}
}
