package ledger

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"
)

// Outcome says how a call of the CPI ended.
type Outcome string

// The outcomes of a call.
const (
	Intended Outcome = "intended" // about to be sent, or sent and not answered
	Answered Outcome = "answered"
	Refused  Outcome = "refused" // the CPI answered with an error
	Lost     Outcome = "lost"    // sent, and what came back was no answer
)

// Call is one call of the CPI. What may hold secrets is left out: properties,
// networks and the VM's env with the message bus's key.
type Call struct {
	Number   int       `json:"number"`              // counts from 1 in a run
	Method   string    `json:"method"`              // "create_vm"
	CIDs     []string  `json:"cids,omitempty"`      // those among the arguments, in order
	AgentID  string    `json:"agent_id,omitempty"`  // of create_vm: what finds a VM that nobody recorded
	Size     int       `json:"size_mb,omitempty"`   // of create_disk
	Stemcell *stemcell `json:"stemcell,omitempty"`  // of create_stemcell
	At       time.Time `json:"at"`                  // when it was intended
	Outcome  Outcome   `json:"outcome"`             //
	CID      string    `json:"cid,omitempty"`       // what a create made
	Error    string    `json:"error,omitempty"`     // "Bosh::Clouds::CloudError"
	Call     string    `json:"call_file,omitempty"` // the answer's file in the workspace
}

// stemcell is what bosh-cli records of a stemcell beside its cid.
type stemcell struct {
	Name       string `json:"name" yaml:"name"`
	Version    string `json:"version" yaml:"version"`
	APIVersion int    `json:"api_version" yaml:"api_version"`
}

// message is what bosh-cli sends to a CPI (the CPI API v2 page of the BOSH documentation).
type message struct {
	Method    string            `json:"method"`
	Arguments []json.RawMessage `json:"arguments"`
}

// reply is what a CPI sends back.
type reply struct {
	Result json.RawMessage `json:"result"`
	Error  *replyError     `json:"error"`
}

type replyError struct {
	Type    string `json:"type"`    // "Bosh::Clouds::VMNotFound"
	Message string `json:"message"` // may name anything
}

// reads are the methods that change nothing: they are not journalled.
var reads = map[string]bool{"info": true, "has_vm": true, "has_disk": true, "ping": true}

// NewCall is the entry of a request to the CPI, without its secrets. What the CPI is
// given as an image is read for the stemcell's name, with read.
func NewCall(request []byte, at time.Time, read func(path string) ([]byte, error)) (Call, error) {
	var m message
	if err := json.Unmarshal(request, &m); err != nil {
		return Call{}, fmt.Errorf("decode the request to the CPI: %w", err)
	}
	c := Call{Method: m.Method, At: at.UTC(), Outcome: Intended}
	switch m.Method {
	case "create_vm": // agent_id, stemcell, properties, networks, disks, env
		c.AgentID = text(m.Arguments, 0)
		c.CIDs = append(c.CIDs, text(m.Arguments, 1))
		if len(m.Arguments) > 4 {
			var disks []string
			if json.Unmarshal(m.Arguments[4], &disks) == nil {
				c.CIDs = append(c.CIDs, disks...)
			}
		}
	case "create_disk": // size, properties, vm
		if len(m.Arguments) > 0 {
			_ = json.Unmarshal(m.Arguments[0], &c.Size)
		}
		c.CIDs = []string{text(m.Arguments, 2)}
	case "create_stemcell": // image, properties
		c.Stemcell = readStemcell(m, read)
	case "attach_disk", "detach_disk":
		c.CIDs = []string{text(m.Arguments, 0), text(m.Arguments, 1)}
	default:
		c.CIDs = []string{text(m.Arguments, 0)}
	}
	return c, nil
}

// text is an argument that is a string, or "".
func text(arguments []json.RawMessage, i int) string {
	var s string
	if i < len(arguments) {
		_ = json.Unmarshal(arguments[i], &s)
	}
	return s
}

// readStemcell reads name and version from the manifest beside the image that
// create_stemcell is given.
func readStemcell(m message, read func(string) ([]byte, error)) *stemcell {
	body, err := read(filepath.Join(filepath.Dir(text(m.Arguments, 0)), "stemcell.MF"))
	if err != nil {
		return nil
	}
	var s stemcell
	if yaml.Unmarshal(body, &s) != nil || s.Name == "" {
		return nil
	}
	return &s
}

// Settle reads the CPI's answer into the entry.
func (c *Call) Settle(stdout []byte) {
	c.Outcome = Lost
	var r reply
	if json.Unmarshal(stdout, &r) != nil {
		return
	}
	if r.Error != nil {
		c.Outcome, c.Error = Refused, r.Error.Type
		return
	}
	if !c.creates() {
		c.Outcome = Answered
		return
	}
	if c.CID = firstText(r.Result); c.CID != "" {
		c.Outcome = Answered
	}
}

// Reads says whether the call changes nothing, and is not in the journal.
func (c Call) Reads() bool { return reads[c.Method] }

// LostCreation says whether the call may have made something of which nobody knows.
func (c Call) LostCreation() bool { return c.Outcome == Lost && c.creates() }

// Deleted is what the call deletes; its Kind is "" when it deletes nothing.
func (c Call) Deleted() Thing {
	if !c.deletes() {
		return Thing{}
	}
	return Thing{c.kind(), first(c.CIDs)}
}

// creates says whether a call makes something that could be lost.
func (c Call) creates() bool {
	return c.Method == "create_vm" || c.Method == "create_disk" || c.Method == "create_stemcell"
}

// deletes says whether a call removes something.
func (c Call) deletes() bool {
	return c.Method == "delete_vm" || c.Method == "delete_disk" || c.Method == "delete_stemcell"
}

// kind is that of what a call creates or deletes, or "".
func (c Call) kind() Kind {
	switch c.Method {
	case "create_vm", "delete_vm":
		return VM
	case "create_disk", "delete_disk":
		return Disk
	case "create_stemcell", "delete_stemcell":
		return Stemcell
	}
	return ""
}

// firstText is a result's cid: a string, or the first of a list ("create_vm" of
// version 2).
func firstText(result json.RawMessage) string {
	var s string
	if json.Unmarshal(result, &s) == nil {
		return s
	}
	var list []json.RawMessage
	if json.Unmarshal(result, &list) == nil {
		return text(list, 0)
	}
	return ""
}

// String says which thing may have been lost, for people.
func (c Call) String() string {
	at := c.At.Format(time.RFC3339)
	switch c.Method {
	case "create_vm":
		return fmt.Sprintf("a VM whose agent id is %s (asked for at %s)", c.AgentID, at)
	case "create_disk":
		return fmt.Sprintf("a disk of %d MB for VM %s (asked for at %s)", c.Size, first(c.CIDs), at)
	case "create_stemcell":
		if c.Stemcell != nil {
			return fmt.Sprintf("stemcell %s/%s (asked for at %s)", c.Stemcell.Name, c.Stemcell.Version, at)
		}
	}
	return fmt.Sprintf("what %s was asked for at %s", c.Method, at)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
