# filled by the sdk room
