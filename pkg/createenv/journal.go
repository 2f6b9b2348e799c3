package createenv

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"
)

// outcome says how a call of the CPI ended.
type outcome string

const (
	intended outcome = "intended" // about to be sent, or sent and not answered
	answered outcome = "answered"
	refused  outcome = "refused" // the CPI answered with an error
	lost     outcome = "lost"    // sent, and what came back was no answer
)

// call is one call of the CPI. What may hold secrets is left out: properties,
// networks and the VM's env with the message bus's key.
type call struct {
	Number   int       `json:"number"`              // counts from 1 in a run
	Method   string    `json:"method"`              // "create_vm"
	CIDs     []string  `json:"cids,omitempty"`      // those among the arguments, in order
	AgentID  string    `json:"agent_id,omitempty"`  // of create_vm: what finds a VM that nobody recorded
	Size     int       `json:"size_mb,omitempty"`   // of create_disk
	Stemcell *stemcell `json:"stemcell,omitempty"`  // of create_stemcell
	At       time.Time `json:"at"`                  // when it was intended
	Outcome  outcome   `json:"outcome"`             //
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

// journal is the JournalDocument.
type journal struct {
	Host      string `json:"host"`           // where the run was, for people
	Workspace string `json:"workspace"`      // the id of the workspace that holds the answers' files
	Calls     []call `json:"calls"`          // of the last run that called the CPI
	Lost      []call `json:"lost,omitempty"` // of all runs: creations of which nothing came back
}

// decodeJournal reads a journal; none is an empty one. It fails with ErrState.
func decodeJournal(body []byte) (journal, error) {
	var j journal
	if body == nil {
		return j, nil
	}
	if err := json.Unmarshal(body, &j); err != nil {
		return j, fmt.Errorf("%w: %s is not whole: %w; restore its last whole version: it may name a VM that the state does not",
			ErrState, JournalDocument, err)
	}
	return j, j.plausible()
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

// newCall is the entry of a request, without its secrets.
func newCall(m message, at time.Time) call {
	c := call{Method: m.Method, At: at.UTC(), Outcome: intended}
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
	case "attach_disk", "detach_disk":
		c.CIDs = []string{text(m.Arguments, 0), text(m.Arguments, 1)}
	default:
		c.CIDs = []string{text(m.Arguments, 0)}
	}
	return c
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

// settle reads the CPI's answer into the entry.
func (c *call) settle(stdout []byte) {
	c.Outcome = lost
	var r reply
	if json.Unmarshal(stdout, &r) != nil {
		return
	}
	if r.Error != nil {
		c.Outcome, c.Error = refused, r.Error.Type
		return
	}
	if !creates(c.Method) {
		c.Outcome = answered
		return
	}
	if c.CID = firstText(r.Result); c.CID != "" {
		c.Outcome = answered
	}
}

// creates says whether a method makes something that could be lost.
func creates(method string) bool {
	return method == "create_vm" || method == "create_disk" || method == "create_stemcell"
}

// deletes says whether a method removes something.
func deletes(method string) bool {
	return method == "delete_vm" || method == "delete_disk" || method == "delete_stemcell"
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

// kind is "vm", "disk" or "stemcell" for a method that creates or deletes one.
func kind(method string) string {
	switch method {
	case "create_vm", "delete_vm":
		return "vm"
	case "create_disk", "delete_disk":
		return "disk"
	case "create_stemcell", "delete_stemcell":
		return "stemcell"
	}
	return ""
}

// String says which thing may have been lost, for people.
func (c call) String() string {
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
