package cloudformation_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

const small = `
Parameters:
  Size: {Type: Number, MinValue: 1, MaxValue: 9, Default: "3"}
  Names: {Type: CommaDelimitedList, Default: "a,b"}
  Word: {Type: String, AllowedPattern: "[a-z]*", Default: word}
  Kind: {Type: String, AllowedValues: [x, y], Default: x}
  Key: {Type: String, NoEcho: true, Default: ""}
Conditions:
  Big: !Not [!Equals [!Ref Size, 3]]
  BigX: !And [!Condition Big, !Equals [!Ref Kind, x]]
  Any: !Or [!Condition Big, !Equals [!Ref Kind, y]]
Resources:
  Network:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: !Sub "10.${Size}.0.0/16"}
  Net:
    Type: AWS::EC2::Subnet
    Condition: BigX
    Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.0/24}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      VpcId: !GetAtt Network.VpcId
      GroupDescription: !Join ["-", [!Select [1, !Ref Names], !If [Any, !Ref Word, !Ref AWS::NoValue], !Ref AWS::StackName]]
Outputs:
  Which: {Value: !Sub ["${Host}/${AWS::Region}", {Host: !Select [1, !Split ["//", "https://ci"]]}]}
  Net: {Condition: BigX, Value: !Ref Net}
`

// world is a server with a client that speaks to it by hand.
type world struct {
	cloud *cloudformation.Server
	url   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cloud := cloudformation.New(cloudformation.Options{})
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return &world{cloud, server.URL}
}

// call sends an action with keys and values, and gives the status and the answer.
func (w *world) call(t *testing.T, action string, pairs ...string) (int, string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-15"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	res, err := http.PostForm(w.url, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(body, new(struct{})); err != nil {
		t.Errorf("%s answered no XML: %v", action, err)
	}
	return res.StatusCode, string(body)
}

// apply makes and executes a change set; parameters come as KEY=VALUE.
func (w *world) apply(t *testing.T, kind, body string, parameters ...string) string {
	t.Helper()
	pairs := []string{"StackName", "s", "ChangeSetName", "c" + fmt.Sprint(w.cloud.State().Writes), "ChangeSetType", kind, "TemplateBody", body}
	for i, p := range parameters {
		key, value, _ := strings.Cut(p, "=")
		at := fmt.Sprintf("Parameters.member.%d.", i+1)
		pairs = append(pairs, at+"ParameterKey", key, at+"ParameterValue", value)
	}
	status, answer := w.call(t, "CreateChangeSet", pairs...)
	if status == http.StatusOK {
		status, answer = w.call(t, "ExecuteChangeSet", "StackName", "s", "ChangeSetName", pairs[3])
	}
	if status != http.StatusOK {
		return answer
	}
	return ""
}

func TestServer_evaluatesTemplates(t *testing.T) {
	w := newWorld(t)
	if refused := w.apply(t, "CREATE", small); refused != "" {
		t.Fatal(refused)
	}
	st := w.cloud.State().Stacks["s"]
	if st.Status != "CREATE_COMPLETE" || st.Outputs["Which"] != "ci/eu-central-1" || len(st.Outputs) != 1 || len(st.Resources) != 2 {
		t.Errorf("the stack is %s with %v and %d resources", st.Status, st.Outputs, len(st.Resources))
	}
	if got := st.Resources["Group"].Properties; got["GroupDescription"] != "b-s" || got["VpcId"] != st.Resources["Network"].PhysicalID {
		t.Errorf("the group is %v", got)
	}
	if refused := w.apply(t, "UPDATE", small, "Size=4", "Word=other"); refused != "" {
		t.Fatal(refused)
	}
	now := w.cloud.State().Stacks["s"]
	if now.Status != "UPDATE_COMPLETE" || now.Outputs["Net"] != now.Resources["Net"].PhysicalID || now.Resources["Group"].Properties["GroupDescription"] != "b-other-s" {
		t.Errorf("the stack is %s with %v", now.Status, now.Outputs)
	}
	if now.Resources["Network"].PhysicalID == st.Resources["Network"].PhysicalID || now.Resources["Group"].PhysicalID == st.Resources["Group"].PhysicalID {
		t.Error("a new range of the network, and so of the group's network, must replace both")
	}
	var deleted []string
	for _, e := range now.Events {
		if e.Status == "DELETE_COMPLETE" {
			deleted = append(deleted, e.PhysicalID)
		}
	}
	slices.Sort(deleted)
	want := []string{st.Resources["Group"].PhysicalID, st.Resources["Network"].PhysicalID}
	if slices.Sort(want); !slices.Equal(deleted, want) {
		t.Errorf("deleted was %v, want %v", deleted, want)
	}
}

func TestServer_refusesAsTheServiceDoes(t *testing.T) {
	role := strings.Replace(small, "AWS::EC2::VPC", "AWS::IAM::Role", 1)
	for want, c := range map[string][]string{
		"do not exist in the template":                  {small, "Nope=1"},
		"must be a number not less than 1":              {small, "Size=0"},
		"must be a number not greater than 9":           {small, "Size=10"},
		"must be a number<":                             {small, "Size=x"},
		"failed to satisfy constraint":                  {small, "Word=UP"},
		"AllowedValues":                                 {small, "Kind=z"},
		"must have values":                              {strings.Replace(small, ", Default: word", "", 1)},
		"Requires capabilities : [CAPABILITY_IAM]":      {role},
		"not supported in CloudFormation templates":     {"Resources: {A: &a {Type: AWS::EC2::VPC}, B: *a}"},
		"at least one resource":                         {"Resources: {}"},
		"unknown section Nope":                          {"Nope: 1"},
		"unknown attribute Propertys":                   {"Resources: {A: {Type: AWS::EC2::VPC, Propertys: {}}}"},
		"logical names must be unique":                  {"Parameters: {A: {Type: String}}\nResources: {A: {Type: AWS::EC2::VPC}}"},
		"unknown function !Nope":                        {"Resources: {A: {Type: AWS::EC2::VPC, Properties: {X: !Nope 1}}}"},
		"is there twice":                                {"Resources: {A: {Type: AWS::EC2::VPC, Properties: {X: 1, X: 2}}}"},
		"Member must have length less than or equal to": {small + strings.Repeat("# long\n", 8000)},
	} {
		w := newWorld(t)
		if got := w.apply(t, "CREATE", c[0], c[1:]...); !strings.Contains(got, want) {
			t.Errorf("the answer was %q, want %q in it", got, want)
		}
		if len(w.cloud.State().Stacks) != 0 {
			t.Errorf("%s: a stack came of it", want)
		}
	}
	w := newWorld(t)
	for action, want := range map[string]string{
		"DescribeStacks": "Stack with id s does not exist", "DescribeStackEvents": "does not exist", "ListChangeSets": "does not exist",
		"GetTemplate": "does not exist", "ContinueUpdateRollback": "does not exist", "UpdateTerminationProtection": "does not exist",
		"DescribeChangeSet": "ChangeSetNotFound", "ExecuteChangeSet": "ChangeSetNotFound", "Nope": "InvalidAction",
	} {
		if status, got := w.call(t, action, "StackName", "s", "ChangeSetName", "c"); status != http.StatusBadRequest || !strings.Contains(got, want) {
			t.Errorf("%s: %d %q, want %q in it", action, status, got, want)
		}
	}
}

func TestServer_refusesCirclesAndWhatIsNotThere(t *testing.T) {
	for want, body := range map[string]string{
		"Circular dependency":            "Resources: {A: {Type: AWS::EC2::VPC, DependsOn: B}, B: {Type: AWS::EC2::VPC, DependsOn: [A]}}",
		"Unresolved resource dependenc":  "Resources: {A: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Ref B}}}",
		"cannot select nonexistent":      "Resources: {A: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Select [3, [a]]}}}",
		"Unresolved condition dependenc": "Resources: {A: {Type: AWS::EC2::VPC, Condition: Nope}}",
		"undefined resource":             "Resources: {A: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !GetAtt B.Arn}}}",
	} {
		w := newWorld(t)
		_, _ = w.call(t, "CreateChangeSet", "StackName", "s", "ChangeSetName", "c", "ChangeSetType", "CREATE", "TemplateBody", body)
		if _, got := w.call(t, "DescribeChangeSet", "StackName", "s", "ChangeSetName", "c"); !strings.Contains(got, want) || !strings.Contains(got, "FAILED") {
			t.Errorf("the change set is %q, want %q in it", got, want)
		}
	}
}

func TestServer_tellsOthersWhatComesAndGoes(t *testing.T) {
	var heard []string
	cloud := cloudformation.New(cloudformation.Options{
		OnCreate: func(l cloudformation.Live) { heard = append(heard, "+"+l.LogicalID) },
		OnDelete: func(l cloudformation.Live) { heard = append(heard, "-"+l.LogicalID) },
	})
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	w := &world{cloud, server.URL}
	if refused := w.apply(t, "CREATE", small); refused != "" {
		t.Fatal(refused)
	}
	if status, answer := w.call(t, "DeleteStack", "StackName", "s"); status != http.StatusOK {
		t.Fatal(answer)
	}
	if got := strings.Join(heard, " "); got != "+Network +Group -Group -Network" {
		t.Errorf("heard was %s", got)
	}
}

const guarded = `
Parameters:
  Protection: {Type: String, Default: "true"}
  More: {Type: String, Default: "no"}
Conditions:
  WithMore: !Equals [!Ref More, "yes"]
Resources:
  Other:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16}
  Base:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    Condition: WithMore
    Properties: {DeletionProtection: !Ref Protection}
`

func TestServer_deletesNoProtectedDatabaseEvenInARollback(t *testing.T) {
	late := cloudformation.Failure{LogicalID: "Other", Reason: "no", Late: true}
	for _, c := range []struct {
		title, protection, kind string
		want                    string // state, resources and snapshots at the end
	}{
		{"creation", "true", "CREATE", "ROLLBACK_FAILED 1 0"},
		{"creation, unprotected", "false", "CREATE", "ROLLBACK_COMPLETE 0 1"},
		{"update", "true", "UPDATE", "UPDATE_ROLLBACK_COMPLETE 1 0"},
		{"update, unprotected", "false", "UPDATE", "UPDATE_ROLLBACK_COMPLETE 1 1"},
		{"no rollback", "true", "DROP", "UPDATE_COMPLETE 1 0"},
	} {
		t.Run(c.title, func(t *testing.T) {
			w := newWorld(t)
			given := []string{"Protection=" + c.protection, "More=yes"}
			template := guarded
			switch c.kind {
			case "UPDATE":
				w.apply(t, "CREATE", guarded)
				template = strings.ReplaceAll(guarded, "10.0.", "10.1.")
				w.cloud.Fail(late)
			case "CREATE":
				w.cloud.Fail(late)
			case "DROP":
				w.apply(t, "CREATE", guarded, given...)
				c.kind, given[1] = "UPDATE", "More=no"
			}
			if refused := w.apply(t, c.kind, template, given...); refused != "" {
				t.Fatal(refused)
			}
			state := w.cloud.State()
			st := state.Stacks["s"]
			if got := fmt.Sprint(st.Status, " ", len(st.Resources), " ", len(state.Snapshots)); got != c.want {
				t.Errorf("it ends as %s, want %s", got, c.want)
			}
			refused := slices.ContainsFunc(st.Events, func(e cloudformation.Event) bool {
				return e.Status == "DELETE_FAILED" && strings.Contains(e.Reason, "Cannot delete protected DB Instance")
			})
			if refused != (c.protection == "true") {
				t.Errorf("the deletion was refused: %v", refused)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{small, "", "Resources: {A: {Type: AWS::EC2::VPC}}", "{\"Resources\": {\"A\": {\"Type\": \"A::B\"}}}", "a: &a [*a]", "Resources: {A: {Type: A::B, Properties: {X: !Sub \"${\"}}}", "? [a]\n: b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := cloudformation.Parse([]byte(text))
		if err != nil {
			return
		}
		if len(template.Order) != len(template.Resources) || len(template.Order) == 0 {
			t.Errorf("%d resources in an order of %d", len(template.Resources), len(template.Order))
		}
		for _, r := range template.Resources {
			cloudformation.Walk(map[string]any(r.Properties), func(string, any) {})
		}
	})
}
