package cpi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// start serves a cloud for a test.
func start(t *testing.T, o cpi.Options) *cpi.Cloud {
	t.Helper()
	c, err := cpi.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answer is a CPI's.
type answer struct {
	Result any
	Error  *struct{ Type, Message string }
}

// call calls the CPI.
func call(t *testing.T, c *cpi.Cloud, method string, arguments ...any) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"method": method, "arguments": arguments})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post("http://"+c.Address()+"/cpi", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var a answer
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// What a cloud refuses: without it, a client that loses or doubles things would not
// be found out.
func TestCPI_refuses(t *testing.T) {
	t.Parallel()
	c := start(t, cpi.Options{})
	call(t, c, "create_stemcell", "/image", map[string]any{})
	call(t, c, "create_vm", "agent-1", "sc-1", map[string]any{}, map[string]any{}, []string{}, map[string]any{})
	call(t, c, "create_vm", "agent-2", "sc-1", map[string]any{}, map[string]any{}, []string{}, map[string]any{})
	call(t, c, "create_disk", 1024, map[string]any{}, "vm-2")
	if a := call(t, c, "attach_disk", "vm-2", "disk-4"); a.Error != nil {
		t.Fatalf("attach_disk: %+v", a)
	}
	for _, test := range []struct {
		method    string
		arguments []any
		want      string
	}{
		{"create_vm", []any{"agent-3", "sc-9"}, "Bosh::Clouds::StemcellNotFound"},
		{"create_vm", []any{"agent-3", "sc-1", nil, nil, []string{"disk-9"}}, "Bosh::Clouds::DiskNotFound"},
		{"delete_vm", []any{"vm-9"}, "Bosh::Clouds::VMNotFound"},
		{"delete_disk", []any{"disk-4"}, "Bosh::Clouds::CloudError"},
		{"delete_disk", []any{"disk-9"}, "Bosh::Clouds::DiskNotFound"},
		{"delete_stemcell", []any{"sc-9"}, "Bosh::Clouds::StemcellNotFound"},
		{"attach_disk", []any{"vm-3", "disk-4"}, "Bosh::Clouds::CloudError"},
		{"attach_disk", []any{"vm-3", "disk-9"}, "Bosh::Clouds::DiskNotFound"},
		{"detach_disk", []any{"vm-3", "disk-4"}, "Bosh::Clouds::DiskNotAttached"},
		{"set_vm_metadata", []any{"vm-9"}, "Bosh::Clouds::VMNotFound"},
		{"snapshot_disk", []any{"disk-4"}, "Bosh::Clouds::NotImplemented"},
	} {
		if a := call(t, c, test.method, test.arguments...); a.Error == nil || a.Error.Type != test.want {
			t.Errorf("%s %v = %+v, want %s", test.method, test.arguments, a, test.want)
		}
	}
	if n := fmt.Sprint(len(c.VMs()), len(c.Disks()), len(c.Stemcells())); n != "2 1 1" {
		t.Errorf("VMs, disks and stemcells: %s", n)
	}
}

// A CPI that is killed while it sends its request has done nothing.
func TestCPI_halfARequestChangesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, cpi.Options{})
	conn, err := net.Dial("tcp", c.Address())
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST /cpi HTTP/1.0\r\nContent-Length: 1000\r\n\r\n{\"method\": \"create_stemcell\"")
	if err != nil || conn.Close() != nil {
		t.Fatal(err)
	}
	call(t, c, "info")
	if n := len(c.Stemcells()); n != 0 {
		t.Errorf("%d stemcells", n)
	}
}

// A light stemcell is the image that it names, and to delete it is no error, as with AWS'
// CPI.
func TestCPI_answersForLightStemcellsAsThatOfAWS(t *testing.T) {
	t.Parallel()
	c := start(t, cpi.Options{})
	call(t, c, "create_stemcell", "/image", map[string]any{"ami": map[string]any{"eu-central-1": "ami-7"}})
	if made := c.Stemcells(); len(made) != 1 || made[0].CID != "ami-7 light" {
		t.Errorf("the stemcells are %+v", made)
	}
	for range 2 {
		if a := call(t, c, "delete_stemcell", "ami-7 light"); a.Error != nil || len(c.Stemcells()) > 0 {
			t.Errorf("delete_stemcell: %+v", a.Error)
		}
	}
}

func TestHooks_hearOfVMs(t *testing.T) {
	t.Parallel()
	var heard []string
	c := start(t, cpi.Options{
		OnCreateVM: func(vm cpi.VM) { heard = append(heard, "made "+vm.CID+" "+vm.AgentID) },
		OnDeleteVM: func(vm cpi.VM) { heard = append(heard, "deleted "+vm.CID) },
	})
	call(t, c, "create_stemcell", "/image", map[string]any{})
	call(t, c, "create_vm", "agent-1", "sc-1")
	call(t, c, "delete_vm", "vm-2")
	if got := strings.Join(heard, ", "); got != "made vm-2 agent-1, deleted vm-2" {
		t.Errorf("heard %q", got)
	}
}
