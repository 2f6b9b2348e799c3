package bosh

// Instance is one instance of a deployment with what its agent says.
type Instance struct {
	Group     string    // "web"
	ID        string    // "436cb8d0-438d-4f34-b67e-4c8f6a5488ef"
	Index     int       // 0
	AZ        string    // "z1"
	State     string    // of its processes together: "running", "failing", "stopped", "unresponsive agent"
	Wanted    string    // "started", "stopped", "detached"
	Bootstrap bool      // the first of its group
	IPs       []string  // ["10.0.1.4"]
	VMCID     string    // "i-0123456789abcdef0"
	AgentID   string    // "c62809bf-9459-4f17-b6c8-1df693ac74ec"; another one after a recreate
	VMType    string    // "default"
	Stemcell  Stemcell  // without OS and CID
	Processes []Process // as monit sees them
}

// Process is a BOSH job's process on an instance.
type Process struct {
	Name  string `json:"name"`  // "worker"
	State string `json:"state"` // "running", "failing"
}
