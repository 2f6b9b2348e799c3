package stack_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

func TestExecute_raisesTheMajorOfTheDatabaseWhenItIsSaid(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.DatabaseVersion = "16"
	w.made(t, p)
	engine := func() any { return w.there(t).Resources["Database"].Properties["EngineVersion"] }

	p.DatabaseVersion = "" // as it is, whatever the template's default
	if c, err := w.stack.Plan(t.Context(), p); err != nil || !c.Empty {
		t.Fatalf("without a version the plan is %+v (%v)", c, err)
	}
	p.DatabaseVersion = "17"
	c, err := w.stack.Plan(t.Context(), p)
	if err != nil || len(c.Resources) != 1 || !slices.Equal(c.Resources[0].Details, []string{"Properties.EngineVersion"}) || c.Resources[0].Replacement != "False" {
		t.Fatalf("the plan is %+v (%v), want the database's engine alone and no other database", c, err)
	}
	if _, err := w.stack.Execute(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if engine() != "17" || len(w.cloud.State().Snapshots) != 1 {
		t.Errorf("the engine is %v, with the snapshots %q", engine(), w.cloud.State().Snapshots)
	}
	if c, err := w.stack.Plan(t.Context(), p); err != nil || !c.Empty {
		t.Errorf("afterwards the plan is %+v (%v)", c, err)
	}
}

func TestPlan_refusesALowerMajorOfTheDatabase(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.DatabaseVersion = "17"
	w.made(t, p)
	writes := w.cloud.State().Writes
	p.DatabaseVersion = "16"
	_, err := w.stack.Plan(t.Context(), p)
	says(t, err, "PostgreSQL 17 and cannot become 16", "nothing was changed")
	if n := w.cloud.State().Writes; n != writes {
		t.Errorf("%d writes", n-writes)
	}
}

// A major upgrade that RDS refuses leaves the database as it is.
func TestExecute_keepsADatabaseWhoseUpgradeFails(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.DatabaseVersion = "16"
	w.made(t, p)
	p.DatabaseVersion = "17"
	w.cloud.Fail(cloudformation.Failure{LogicalID: "Database", On: "UPDATE", Reason: "the upgrade's pre-check found data of the type unknown"})
	_, err := w.deploy(t, p)
	says(t, err, "Database", "type unknown")
	if got := w.there(t).Resources["Database"].Properties["EngineVersion"]; got != "16" || w.state() != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("the engine is %v, the stack %s", got, w.state())
	}
}

// RDS takes a snapshot before a major upgrade only where backups are on, and does one
// only where it is allowed.
func TestTemplate_backsUpTheDatabaseBeforeAMajorUpgrade(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	database := w.there(t).Resources["Database"].Properties
	days, err := strconv.Atoi(fmt.Sprint(database["BackupRetentionPeriod"]))
	if err != nil || days < 1 || fmt.Sprint(database["AllowMajorVersionUpgrade"]) != "true" {
		t.Errorf("backups are kept for %v days, and a major upgrade is allowed: %v", database["BackupRetentionPeriod"], database["AllowMajorVersionUpgrade"])
	}
}
