package stack_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	cfn "github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// is fails the test unless the error is of that kind.
func is(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("the error is %v, want one that is %q", err, kind)
	}
}

const (
	noAddresses = `Resource handler returned message: "The maximum number of addresses has been reached. (Service: Ec2, Status Code: 400, Request ID: 1)" (HandlerErrorCode: ServiceLimitExceeded)`
	noCapacity  = `Resource handler returned message: "Cannot create a DB instance because there isn't sufficient capacity (Error Code: InsufficientDBInstanceCapacity)"`
	denied      = `Resource handler returned message: "User: arn:aws:iam::123456789012:user/x is not authorized to perform: rds:CreateDBInstance on resource: arn:aws:rds:eu-central-1:123456789012:db:x because no identity-based policy allows it"`
)

func TestExecute_saysWhyACreationFailedAndMakesTheStackAnew(t *testing.T) {
	for _, c := range []struct {
		title, resource, reason string
		kind                    error
		says                    []string
	}{
		{"quota", "WebAddress", noAddresses, aws.ErrQuota, []string{"maximum number of addresses", "EC2-VPC Elastic IPs"}},
		{"vpcs", "VPC", "The maximum number of VPCs has been reached.", aws.ErrQuota, []string{"VPCs per Region"}},
		{"another quota", "DatabaseSubnets", "Error: DBSubnetGroupQuotaExceeded", aws.ErrQuota, []string{"Service Quotas"}},
		{"capacity", "Database", noCapacity, cfn.ErrCapacity, []string{"database.instance_type"}},
		{"permission", "Database", denied, aws.ErrDenied, []string{"llow rds:CreateDBInstance to the user or role"}},
		{"type", "Database", "RDS does not support creating a DB instance with the following combination: DBInstanceClass=db.x", nil, []string{"that the region offers"}},
		{"name taken", "KeyPair", "The keypair already exists", nil, []string{"emove what is there under that name"}},
		{"range taken", "PublicSubnet1", "The CIDR '10.0.0.0/24' conflicts with another subnet", nil, []string{"network.cidr"}},
		{"keys ran out", "NATGateway", "The security token included in the request is expired", aws.ErrCredentials, []string{"aws sso login"}},
		{"unknown", "S3Endpoint", "something odd", nil, []string{"S3Endpoint (AWS::EC2::VPCEndpoint): something odd", "orrect the cause"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t)
			w.cloud.Fail(cloudformation.Failure{LogicalID: c.resource, On: "CREATE", Reason: c.reason})
			_, err := w.deploy(t, parameters())
			says(t, err, append(c.says, "perpetual-ci is ROLLBACK_COMPLETE", c.resource, "nothing of it is left", "un again")...)
			if c.kind != nil {
				is(t, err, c.kind)
			}
			if st := w.there(t); len(st.Resources) != 0 {
				t.Errorf("%d resources are left", len(st.Resources))
			}
			plan, err := w.stack.Plan(t.Context(), parameters())
			if err != nil || plan.Repair == "" || !plan.Create || w.state() != "ROLLBACK_COMPLETE" {
				t.Fatalf("the plan is %+v (%v), and the stack %s", plan, err, w.state())
			}
			if _, err := w.stack.Execute(t.Context(), plan); err != nil || w.state() != "UPDATE_COMPLETE" {
				t.Errorf("the next run ends with %v, and the stack is %s", err, w.state())
			}
		})
	}
}

func TestDescribe_givesTheReasonsOfTheLastFailure(t *testing.T) {
	w := newWorld(t)
	w.cloud.Fail(cloudformation.Failure{LogicalID: "WebAddress", Reason: noAddresses})
	_, _ = w.deploy(t, parameters())
	status, err := w.stack.Describe(t.Context())
	if err != nil || len(status.Failures) != 1 || !strings.HasPrefix(status.Failures[0], "WebAddress (AWS::EC2::EIP): ") || !status.Ours {
		t.Errorf("it is described as %+v (%v)", status, err)
	}
}

func TestExecute_finishesACreationThatCouldNotBeUndone(t *testing.T) {
	w := newWorld(t)
	w.cloud.Fail(
		cloudformation.Failure{LogicalID: "Database", On: "CREATE", Reason: noCapacity},
		cloudformation.Failure{LogicalID: "VPC", On: "DELETE", Reason: "The vpc has dependencies and cannot be deleted"},
	)
	_, err := w.deploy(t, parameters())
	says(t, err, "ROLLBACK_FAILED", "part of it could not be deleted", "VPC (AWS::EC2::VPC)")
	w.made(t, parameters())
	if w.state() != "UPDATE_COMPLETE" {
		t.Errorf("the stack is %s", w.state())
	}
}

// bigger is a change of the ordinary parameters.
func bigger() layout.Parameters {
	p := parameters()
	p.DatabaseStorage, p.WebCIDRs = 50, []string{"192.0.2.0/24"}
	return p
}

func TestExecute_saysThatAFailedUpdateWasUndone(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	before := w.there(t)
	w.cloud.Fail(cloudformation.Failure{LogicalID: "Database", On: "UPDATE", Reason: noCapacity})
	_, err := w.deploy(t, bigger())
	says(t, err, "UPDATE_ROLLBACK_COMPLETE", "Database", "everything is as it was before")
	is(t, err, cfn.ErrCapacity)
	if now := w.there(t); now.Parameters["DatabaseStorage"] != before.Parameters["DatabaseStorage"] || len(now.Resources) != len(before.Resources) {
		t.Errorf("it is not as it was: %+v", now.Parameters)
	}
	w.made(t, bigger())
	if st := w.there(t); st.Status != "UPDATE_COMPLETE" || st.Parameters["DatabaseStorage"] != "50" {
		t.Errorf("the next run left %s with %v", st.Status, st.Parameters)
	}
}

func TestExecute_finishesARollbackThatFailed(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	w.cloud.Fail(
		cloudformation.Failure{LogicalID: "Database", On: "UPDATE", Reason: noCapacity},
		cloudformation.Failure{LogicalID: "WebGroup", On: "REVERT", Reason: "no way back", Times: 2},
	)
	_, err := w.deploy(t, bigger())
	says(t, err, "UPDATE_ROLLBACK_FAILED", "no way back", "part of the stack is new and part is old")
	plan, err := w.stack.Plan(t.Context(), bigger())
	if err != nil || plan.Repair == "" || plan.Create {
		t.Fatalf("the plan is %+v (%v)", plan, err)
	}
	_, err = w.stack.Execute(t.Context(), plan)
	says(t, err, "UPDATE_ROLLBACK_FAILED", "no way back")
	w.made(t, bigger())
	if st := w.there(t); st.Status != "UPDATE_COMPLETE" || st.Parameters["DatabaseStorage"] != "50" {
		t.Errorf("the stack is %s with %v", st.Status, st.Parameters)
	}
}

func TestPlan_refusesAStackThatWasBeingDeleted(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	w.cloud.Fail(cloudformation.Failure{LogicalID: "VPC", On: "DELETE", Reason: "DependencyViolation: vpc-1 has dependencies"})
	left, err := w.stack.Delete(t.Context(), true)
	says(t, err, "DELETE_FAILED", "VPC (AWS::EC2::VPC)", "others have put into the network", "run destroy again")
	if len(left) != 1 || !strings.HasPrefix(left[0], "AWS::EC2::VPC vpc-") {
		t.Errorf("what is left is %v", left)
	}
	_, err = w.stack.Plan(t.Context(), parameters())
	says(t, err, "DELETE_FAILED", "run destroy again")
	if left, err = w.stack.Delete(t.Context(), true); err != nil || len(left) != 0 || w.state() != "" {
		t.Errorf("destroyed again, it leaves %v (%v)", left, err)
	}
}

func TestPlan_saysWhatParametersAreWrong(t *testing.T) {
	w := newWorld(t)
	p := parameters()
	p.ParameterPath = "no path"
	_, err := w.stack.Plan(t.Context(), p)
	says(t, err, "plan stack perpetual-ci", "ParameterPath")
	if strings.Contains(err.Error(), password) {
		t.Error("it shows the password")
	}
	if len(w.cloud.State().Stacks) != 0 {
		t.Error("it left a stack")
	}
}

func TestPlan_waitsForWhatOthersDo(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	w.cloud.Hold("Database")
	ctx, stop := context.WithCancelCause(t.Context())
	w.mu.Lock()
	w.heard = func(e cfn.Event) {
		if e.LogicalID == "Database" && e.Status == "UPDATE_IN_PROGRESS" {
			stop(errors.New("interrupted by the user"))
		}
	}
	w.mu.Unlock()
	_, err := deploy(ctx, w.stack, bigger())
	says(t, err, "goes on by itself", "UPDATE_IN_PROGRESS", "run again", "interrupted by the user")
	if w.state() != "UPDATE_IN_PROGRESS" {
		t.Fatalf("the stack is %s", w.state())
	}
	executed := w.cloud.State().Calls["ExecuteChangeSet"]
	w.mu.Lock()
	w.heard = func(e cfn.Event) {
		if strings.Contains(e.Reason, "waiting for that to end") {
			go w.cloud.Release("Database")
		}
	}
	w.mu.Unlock()
	c, err := w.stack.Plan(t.Context(), bigger())
	if err != nil || !c.Empty || w.cloud.State().Calls["ExecuteChangeSet"] != executed {
		t.Errorf("the next plan is %+v (%v)", c, err)
	}
}

func TestPlan_waitsForADeletionAndMakesTheStackAnew(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	w.cloud.Hold("VPC") // which the change before the deletion leaves alone
	ctx, stop := context.WithCancel(t.Context())
	w.mu.Lock()
	w.heard = func(e cfn.Event) {
		if e.Status == "DELETE_IN_PROGRESS" {
			stop()
		}
	}
	w.mu.Unlock()
	_, err := w.stack.Delete(ctx, true)
	says(t, err, "goes on by itself", "DELETE_IN_PROGRESS")
	if w.state() != "DELETE_IN_PROGRESS" {
		t.Fatalf("the stack is %s", w.state())
	}
	w.mu.Lock()
	w.heard = func(e cfn.Event) {
		if strings.Contains(e.Reason, "waiting for that to end") {
			w.cloud.Release("VPC")
		}
	}
	w.mu.Unlock()
	w.made(t, parameters())
	if w.count("waiting for that to end") == 0 {
		t.Error("the deletion was not waited for")
	}
	if w.state() != "UPDATE_COMPLETE" {
		t.Errorf("the stack is %s", w.state())
	}
}

func TestExecute_refusesAPlanThatIsOutOfDate(t *testing.T) {
	w := newWorld(t)
	w.made(t, parameters())
	old, err := w.stack.Plan(t.Context(), bigger())
	if err != nil {
		t.Fatal(err)
	}
	other := bigger()
	other.DatabaseType = "db.t4g.large"
	w.made(t, other)
	_, err = w.stack.Execute(t.Context(), old)
	says(t, err, "plan again", "the stack is unchanged")
	if st := w.there(t); st.Parameters["DatabaseType"] != "db.t4g.large" {
		t.Errorf("the parameters are %v", st.Parameters)
	}
}

func TestDelete(t *testing.T) {
	t.Run("of nothing", func(t *testing.T) {
		if left, err := newWorld(t).stack.Delete(t.Context(), false); err != nil || len(left) != 0 {
			t.Errorf("it leaves %v (%v)", left, err)
		}
	})
	t.Run("refuses a protected stack", func(t *testing.T) {
		w := newWorld(t)
		w.made(t, parameters())
		before := w.cloud.State().Writes
		_, err := w.stack.Delete(t.Context(), false)
		is(t, err, cfn.ErrProtected)
		if w.cloud.State().Writes != before {
			t.Error("it wrote")
		}
	})
	t.Run("leaves the last snapshot", func(t *testing.T) {
		w := newWorld(t)
		out := w.made(t, parameters())
		left, err := w.stack.Delete(t.Context(), true)
		want := []string{"the last snapshot of AWS::RDS::DBInstance " + out.DatabaseInstance}
		if err != nil || !slices.Equal(left, want) || w.state() != "" || len(w.cloud.State().Snapshots) != 1 {
			t.Errorf("it leaves %v (%v), and the stack is %q", left, err, w.state())
		}
	})
	t.Run("of a stack that was never made", func(t *testing.T) {
		w := newWorld(t)
		_, _ = w.stack.Plan(t.Context(), parameters())
		if left, err := w.stack.Delete(t.Context(), true); err != nil || len(left) != 0 || w.state() != "" {
			t.Errorf("it leaves %v (%v)", left, err)
		}
	})
	t.Run("of a failed creation", func(t *testing.T) {
		w := newWorld(t)
		w.cloud.Fail(cloudformation.Failure{LogicalID: "Database", Reason: noCapacity})
		_, _ = w.deploy(t, parameters())
		if left, err := w.stack.Delete(t.Context(), false); err != nil || len(left) != 0 || w.state() != "" {
			t.Errorf("it leaves %v (%v), and the stack is %q", left, err, w.state())
		}
	})
	t.Run("after a rollback that failed", func(t *testing.T) {
		w := newWorld(t)
		w.made(t, parameters())
		w.cloud.Fail(
			cloudformation.Failure{LogicalID: "Database", On: "UPDATE", Reason: noCapacity},
			cloudformation.Failure{LogicalID: "WebGroup", On: "REVERT", Reason: "no way back"},
		)
		_, _ = w.deploy(t, bigger())
		if left, err := w.stack.Delete(t.Context(), true); err != nil || len(left) != 1 || w.state() != "" {
			t.Errorf("it leaves %v (%v), and the stack is %q", left, err, w.state())
		}
	})
	t.Run("of a database that is protected by hand", func(t *testing.T) {
		w := newWorld(t)
		w.made(t, parameters())
		w.cloud.Fail(cloudformation.Failure{LogicalID: "Database", On: "DELETE", Reason: "Cannot delete protected DB Instance, please disable deletion protection and try again."})
		left, err := w.stack.Delete(t.Context(), true)
		says(t, err, "DELETE_FAILED", "deletion protection in the RDS console")
		is(t, err, cfn.ErrProtected)
		if len(left) == 0 {
			t.Error("what is left is not said")
		}
	})
}
