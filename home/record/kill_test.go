package record

func child() {}
