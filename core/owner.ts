/**
 * Makes a folder this program's own until the process ends, however it ends; again for a folder that is its own does
 * nothing. Throws `folder.in_use`, saying whose it is, when another process has it.
 */
export type ClaimFolder = (folder: string) => void;
